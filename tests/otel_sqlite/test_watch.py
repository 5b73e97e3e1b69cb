"""runs --watch and show --watch: in place on a terminal, a line for each change elsewhere."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import click
import pytest

from otel_sqlite import run
from otel_sqlite.cli import watching
from otel_sqlite.cli.watching import Look
from otel_sqlite.errors import StoreError

PROGRAM = "from otel_sqlite.cli import main; main()"


class Watcher:
    """The command, watching; what it has said so far."""

    def __init__(self, arguments, *, terminal):
        self.said = ""
        self._terminal = None
        if terminal:
            self._terminal, output = pty.openpty()
        else:
            self._reader, output = os.pipe()
        source = self._terminal if terminal else self._reader
        self.source = source
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments, "--watch", "--interval", "0.05"],
            stdin=output if terminal else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        )
        os.close(output)

    def until(self, words):
        """Read on until it has said this."""
        deadline = time.monotonic() + 60
        while words not in self.said:
            assert time.monotonic() < deadline, f"{words!r} was not said: {self.said!r}"
            self._read()
        return self.said

    def end(self):
        """Read to the end; returns the exit code."""
        while self._read():
            pass
        return self.process.wait(60)

    def _read(self):
        if not select.select([self.source], [], [], 60)[0]:
            return False
        try:
            data = os.read(self.source, 65536)
        except OSError:  # a terminal that nobody writes to any more
            return False
        self.said += data.decode()
        return bool(data)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        os.close(self.source)


@pytest.fixture
def watch(path):
    watchers = []

    def watching(*arguments, terminal=False):
        watchers.append(Watcher([*arguments, "--path", str(path)], terminal=terminal))
        return watchers[-1]

    yield watching
    for watcher in watchers:
        watcher.close()


def test_in_a_pipe_each_change_of_a_run_is_a_line_and_its_end_the_end(watch, tracked):
    with tracked() as provider, run("people", tracer_provider=provider) as r:
        with r.step("download") as step:
            provider.force_flush()
            watcher = watch("show", "people")
            watcher.until("step download: open (0 created, 0 updated, 0 skipped, 0 failed)\n")
            step.count(created=3)
        provider.force_flush()
        watcher.until("step download: success (3 created, 0 updated, 0 skipped, 0 failed)\n")

    assert watcher.end() == 0
    assert watcher.said.splitlines() == [
        "run 1, people: running (0 created, 0 updated, 0 skipped, 0 failed) download",
        "step download: open (0 created, 0 updated, 0 skipped, 0 failed)",
        "run 1, people: running (3 created, 0 updated, 0 skipped, 0 failed)",
        "step download: success (3 created, 0 updated, 0 skipped, 0 failed)",
        "run 1, people: success (3 created, 0 updated, 0 skipped, 0 failed)",
    ]


def test_the_end_of_a_failed_run_is_trouble(watch, tracked):
    with tracked() as provider:
        with pytest.raises(ValueError, match="bad"), run("people", tracer_provider=provider):
            raise ValueError("bad")
        provider.force_flush()
    watcher = watch("show", "latest")
    assert watcher.end() == 1
    assert watcher.said == "run 1, people: failure (0 created, 0 updated, 0 skipped, 0 failed) exception\n"


@pytest.mark.parametrize("terminal", [False, True])
def test_runs_are_watched_until_ctrl_c_which_is_no_trouble(watch, tracked, terminal):
    with tracked() as provider:
        with run("people", tracer_provider=provider):
            provider.force_flush()
            watcher = watch("runs", terminal=terminal)
            watcher.until("running")
            with run("nikki", tracer_provider=provider):
                provider.force_flush()
                watcher.until("nikki")
        provider.force_flush()
        watcher.until("success")
        watcher.process.send_signal(signal.SIGINT)
        assert watcher.end() == 0
    assert "Traceback" not in watcher.said


def test_ctrl_c_ends_the_watching_of_a_run_without_trouble(watch, tracked):
    with tracked() as provider, run("people", tracer_provider=provider):
        provider.force_flush()
        watcher = watch("show", "people")
        watcher.until("running")
        watcher.process.send_signal(signal.SIGINT)
        assert watcher.end() == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_ends_the_watching_even_where_python_throws_it_away():
    class Dying:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    looks = []

    def look():
        assert not looks
        looks.append(seen(is_last=False))
        Dying()
        return looks[-1]

    watching.watch(look, 3600)
    assert len(looks) == 1
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_where_ctrl_c_is_ignored_the_watching_goes_on(capsys):
    looks = iter([seen(is_last=False), seen(is_last=True)])

    def look():
        signal.raise_signal(signal.SIGINT)
        return next(looks)

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        watching.watch(look, 0.001)
    finally:
        assert signal.signal(signal.SIGINT, before) is signal.SIG_IGN
    assert capsys.readouterr().out == "False\nTrue\n"


def test_on_a_terminal_it_is_drawn_in_place(watch, tracked):
    with tracked() as provider, run("people", tracer_provider=provider) as r:
        with r.step("download"):
            provider.force_flush()
            watcher = watch("show", "people", terminal=True)
            watcher.until("download")
        provider.force_flush()
    assert watcher.end() == 0
    # The cursor goes up, over what was drawn before, and is shown again at the end.
    assert re.search(r"\x1b\[1A", watcher.said)
    assert watcher.said.rstrip().endswith("\x1b[?25h")
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", watcher.said.rpartition("run 1, people: ")[2])
    assert last.startswith("success")
    assert re.search(r"download +success", last)


def test_a_run_whose_process_dies_is_watched_to_its_label(watch, tracked, in_child):
    trackings = []

    def die():
        trackings.append(tracked())
        run("people", tracer_provider=trackings[-1].__enter__()).__enter__()

    in_child(die)
    watcher = watch("show", "people")
    assert watcher.end() == 1
    assert watcher.said.endswith(") process_died\n")


def test_watching_is_for_people_and_json_for_scripts(watch, tracked):
    with tracked() as provider, run("people", tracer_provider=provider):
        pass
    for command in (["runs"], ["show", "latest"]):
        watcher = watch(*command, "--json")
        assert watcher.end() == 2
        assert b"--watch and --json do not go together" in watcher.process.stderr.read()


def test_a_database_that_is_replaced_beneath_it_is_waited_for(watch, tracked, path, until):
    with tracked() as provider:
        with run("people", tracer_provider=provider) as r:
            provider.force_flush()
            watcher = watch("show", "people")
            watcher.until("running")
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink()
            until(path.exists)  # made anew, perhaps by who looks and without any run
            with r.step("download"):
                provider.force_flush()
                watcher.until("step download: open")
        assert watcher.end() == 0


FAULTS = [StoreError, lambda path: click.ClickException(f"there is no run in {path}")]


def seen(*, is_last):
    return Look(lambda: None, {"run": str(is_last)}, is_last=is_last)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_was_seen_stays_while_it_cannot_be_seen_again(path, capsys, fault):
    looks = iter([seen(is_last=False), fault(path), fault(path), seen(is_last=True)])
    watching.watch(lambda: next_or_raise(looks), 0.001)
    assert capsys.readouterr().out == "False\nTrue\n"


@pytest.mark.parametrize("looks", [1, 0])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_never_could_be_seen_or_not_for_long_ends_the_watching(path, capsys, monkeypatch, looks, fault):
    monkeypatch.setattr(watching, "_PATIENCE_S", 0.0)
    answers = iter([seen(is_last=False)] * looks + [fault(path)])
    with pytest.raises((StoreError, click.ClickException)):
        watching.watch(lambda: next_or_raise(answers), 0.001)
    assert capsys.readouterr().out == "False\n" * looks


def next_or_raise(answers):
    answer = next(answers)
    if isinstance(answer, Exception):
        raise answer
    return answer
