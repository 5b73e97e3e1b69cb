"""The sandbox run by hand."""

import signal
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest
from dotenv import dotenv_values

from pipelines.sandbox import Club

COMMAND = [sys.executable, "-W", "error", "-m", "pipelines.sandbox"]


@contextmanager
def serving(directory, *flags):
    """A process that serves; gives it once it does, with the settings that it printed."""
    command = [*COMMAND, "--members", "5", "--directory", str(directory), *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            welcome = process.stderr.readline()
            yield process, welcome
        finally:
            process.kill()


def command(*arguments):
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(tmp_path, stop):
    with serving(tmp_path / "box", "--no-faults") as (process, welcome):
        process.send_signal(stop)
        printed, errors = process.communicate(timeout=60)

    assert welcome == f"Serving a club of 5 members from {tmp_path / 'box'}. Ctrl-C stops.\n"
    assert (process.returncode, errors) == (0, "")
    assert printed.startswith(f"SYNC_STATE_DIR={tmp_path / 'box' / 'state'}\n")


def test_what_it_prints_is_fit_for_an_env_file(tmp_path):
    env_file = tmp_path / "settings.env"
    with serving(tmp_path / "a box") as (process, _):
        lines = [process.stdout.readline() for _ in range(33)]
        env_file.write_text("".join(lines))
        settings = dotenv_values(env_file)
        answer = httpx.get(
            f"{settings['RONDO_URL']}/wp-json/wp/v2/people",
            auth=(settings["RONDO_USERNAME"], settings["RONDO_APP_PASSWORD"]),
            trust_env=False,
        )

    assert (len(settings), settings["SYNC_STATE_DIR"]) == (33, str(tmp_path / "a box" / "state"))
    assert (answer.status_code, answer.json()) == (200, [])


def test_a_second_process_is_told_who_has_the_directory(tmp_path):
    with serving(tmp_path) as (process, _):
        second = command("--members", "5", "--directory", str(tmp_path))
        emptied = command("reset", "--directory", str(tmp_path))

    line = f"Error: {tmp_path} is in use by process {process.pid} (stop it, or give this sandbox another directory)\n"
    assert [(done.returncode, done.stdout, done.stderr) for done in (second, emptied)] == [(1, "", line)] * 2


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_reset_starts_afresh(tmp_path, place):
    directory = tmp_path / "box"
    with serving(directory) as (process, _):
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    option = ("--directory", str(directory))

    done = command(*option, "reset") if place == "before" else command("reset", *option)

    assert (done.returncode, done.stdout) == (0, f"{directory} is empty; the next sandbox there starts afresh.\n")
    assert not directory.exists()


@pytest.mark.parametrize("place", ["before", "after"])
def test_days_go_by(tmp_path, place):
    Club.make(size=5, seed=1).save(tmp_path / "club.json")
    option = ("--directory", str(tmp_path))

    done = command(*option, "advance", "--days", "3") if place == "before" else command("advance", *option, "--days", "3")

    club = Club.load(tmp_path / "club.json")
    expected = f"The club has seen 3 days and has {len(club.members)} members.\n"
    assert (done.returncode, done.stdout, done.stderr, club.day) == (0, expected, "", 3)


def test_days_need_a_club(tmp_path):
    done = command("advance", "--directory", str(tmp_path))

    line = f"Error: {tmp_path} holds no club (run a pipeline with --sandbox there first)\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line)


@pytest.mark.parametrize("flags", [["--members", "0"], ["--port-base", "80"], ["start"]])
def test_a_wrong_flag_is_explained(flags):
    done = command(*flags)

    assert (done.returncode, done.stderr.splitlines()[0]) == (
        2,
        "Usage: python -m pipelines.sandbox [OPTIONS] [COMMAND] [ARGS]...",
    )
