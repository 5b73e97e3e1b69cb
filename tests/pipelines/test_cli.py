import fcntl
import logging
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pipelines.cli import command, number_or
from pipelines.errors import SportlinkError
from pipelines.sandbox import running
from pipelines.settings import System
from pipelines.sync_all import main as sync_all

SANDBOX = ["--sandbox", "--members", "5"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    success: bool = True
    summary: str = "THE SUMMARY of fenna@voorbeeld.example"


@pytest.fixture(autouse=True)
def alone_in_a_folder(tmp_path, monkeypatch):
    """No settings, no files, no tracking but what a test brings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    for name in list(os.environ):
        if name.startswith(("SPORTLINK_", "NIKKI_", "LAPOSTA_", "RONDO_", "FREESCOUT_", "SYNC_")):
            monkeypatch.delenv(name)


def succeed(_systems):
    return Done()


def invoke(work, *arguments, name="people", systems=tuple(System), also_locks=()):
    """Run the command of a pipeline that does this work."""

    def pipeline(systems_, *, force):
        """Bring members to the mailing lists."""
        del force  # has a test of its own
        return work(systems_)

    return CliRunner().invoke(command(name, pipeline, systems=systems, also_locks=also_locks), arguments)


def log_names():
    return [re.sub(r"\d{4}-\d\d-\d\d", "<date>", path.name) for path in Path("logs").iterdir()]


def log_lines(name="people"):
    [path] = Path("logs").glob(f"sync-{name}-*.log")
    return path.read_text(encoding="utf-8").splitlines()


def texts(lines):
    """Lines without their times, which have to be there."""
    assert all(re.match(r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] ", line) for line in lines)
    return [line.partition("] ")[2] for line in lines]


@pytest.mark.parametrize(("name", "log"), [("people", "sync-people-<date>.log"), ("all", "sync-<date>.log")])
def test_a_pipeline_has_a_log_file_for_each_day_and_that_of_all_is_named_after_none(name, log):
    invoke(lambda _systems: Done(), *SANDBOX, name=name)

    assert log_names() == [log]


@pytest.mark.parametrize("flag", ["--dry-run", "--allow-local"])
def test_a_promise_that_all_cannot_keep_is_refused_before_anything_is_done(flag):
    result = CliRunner().invoke(sync_all, [*SANDBOX, flag])

    assert (result.exit_code, Path("logs").exists()) == (2, False)
    assert f"No such option '{flag}'" in result.stderr


@pytest.mark.parametrize(("success", "exit_code", "words"), [(True, 0, "success"), (False, 1, "finished with failures")])
def test_the_exit_code_says_whether_anything_failed(success, exit_code, words):
    result = invoke(lambda _systems: Done(success=success), *SANDBOX)

    assert result.exit_code == exit_code
    assert result.stdout.splitlines() == [
        "Starting the sandbox club in data/sandbox",
        "sync-people: started",
        f"sync-people: {words}",
        "THE SUMMARY of fenna@voorbeeld.example",
        f"Log file: {next(Path('logs').iterdir())}",
    ]
    assert result.stderr == ""


def test_the_summary_may_name_members_and_is_not_logged():
    invoke(succeed, *SANDBOX)

    assert texts(log_lines()) == ["sync-people: started", "sync-people: success"]


def test_the_pipeline_gets_the_systems_of_the_sandbox():
    def count(systems):
        return Done(summary=f"{len(systems.sportlink.download_members())} members")

    assert "5 members" in invoke(count, *SANDBOX).stdout


@pytest.mark.parametrize(("arguments", "force"), [([], False), (["--force"], True)])
def test_the_pipeline_is_told_to_force(arguments, force):
    told = []

    def note(_systems, *, force):
        told.append(force)
        return Done()

    CliRunner().invoke(command("people", note, systems=()), [*SANDBOX, *arguments])

    assert told == [force]


def test_what_is_missing_is_named_in_one_line():
    result = invoke(succeed)

    assert result.exit_code == 2
    assert result.stderr == (
        "[ERROR] missing settings: SPORTLINK_USERNAME, SPORTLINK_PASSWORD, SPORTLINK_OTP_SECRET, "
        "NIKKI_USERNAME, NIKKI_PASSWORD, NIKKI_OTP_SECRET, LAPOSTA_API_KEY, "
        "RONDO_URL, RONDO_USERNAME, RONDO_APP_PASSWORD, FREESCOUT_BASE_URL, FREESCOUT_API_KEY "
        "(set them in the environment or in .env)\n"
    )
    assert result.stdout == ""


def test_a_run_without_its_settings_is_a_failure_on_the_dashboard_that_says_which():
    code = """
        from pipelines.cli import command
        from pipelines.settings import System
        command("nikki", lambda systems, *, force: None, systems=[System.RONDO_CLUB])()
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=tracked(), capture_output=True, check=False)

    missing = "missing settings: RONDO_URL, RONDO_USERNAME, RONDO_APP_PASSWORD (set them in the environment or in .env)"
    assert (done.returncode, done.stderr.decode()) == (2, f"[ERROR] {missing}\n")
    with closing(sqlite3.connect("data/dashboard.sqlite")) as dashboard:
        runs = dashboard.execute("SELECT pipeline, outcome FROM runs").fetchall()
        errors = dashboard.execute("SELECT step_name, error_message FROM run_errors").fetchall()
    assert (runs, errors) == ([("nikki", "failure")], [("run", missing)])


def test_only_the_settings_of_the_systems_that_a_pipeline_needs_are_asked_for(monkeypatch):
    monkeypatch.setenv("LAPOSTA_API_KEY", "key")

    assert invoke(succeed, systems=[System.LAPOSTA]).exit_code == 0


def test_a_file_of_settings_that_cannot_be_read_is_one_line():
    Path(".env").write_bytes(b"\xff")

    result = invoke(succeed)

    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)


def test_a_place_that_cannot_be_used_is_one_line(monkeypatch):
    Path("file").touch()
    monkeypatch.setenv("SYNC_STATE_DIR", "file/state")

    result = invoke(succeed, systems=[])

    assert result.exit_code == 2
    assert result.stderr == "[ERROR] [Errno 20] Not a directory: 'file/state'\n"


def test_a_state_that_cannot_be_opened_is_one_line(monkeypatch):
    Path("state").mkdir()
    for name in ("laposta-sync.sqlite", "rondo-sync.sqlite"):
        Path("state", name).write_bytes(b"no database" * 100)
    monkeypatch.setenv("SYNC_STATE_DIR", "state")

    result = invoke(succeed, systems=[])

    assert (result.exit_code, result.stderr) == (2, "[ERROR] the state in state cannot be opened: file is not a database\n")


def test_an_error_that_leaves_the_pipeline_is_one_line():
    def fail(_systems):
        raise SportlinkError("download members", status=500, reason="Storing")

    result = invoke(fail, *SANDBOX)

    assert result.exit_code == 1
    assert result.stderr == "[ERROR] sync-people: sportlink: download members: 500\n"
    assert result.stdout.splitlines()[-1].startswith("Log file: logs/sync-people-")


def test_the_stack_of_an_error_is_shown_to_the_curious():
    def fail(_systems):
        raise KeyError("fenna@voorbeeld.example")

    result = invoke(fail, *SANDBOX)
    verbose = invoke(fail, *SANDBOX, "--verbose")

    assert result.stderr == verbose.stderr == "[ERROR] sync-people: KeyError (otel-sqlite errors shows more)\n"
    assert ("Traceback" in result.stdout, "Traceback" in verbose.stdout) == (False, True)


def test_lines_go_to_the_terminal_and_to_the_log_file():
    def talk(_systems):
        logger = logging.getLogger("pipelines.steps.some")
        logger.debug("QXZT41P")
        logger.info("three members")
        logger.warning("odd")
        logger.error("wrong")
        logging.getLogger("otel_sqlite.store").warning("the disk is full")
        return Done(summary="")

    result = invoke(talk, *SANDBOX, "--verbose")

    said = ["[verbose] QXZT41P", "three members", "[WARNING] odd", "[ERROR] wrong", "[WARNING] the disk is full"]
    assert texts(log_lines()) == ["sync-people: started", *said, "sync-people: success"]
    assert result.stdout.splitlines()[1:4] == ["sync-people: started", *said[:2]]
    assert result.stderr.splitlines() == said[2:]


def test_details_are_for_verbose_alone():
    def talk(_systems):
        logging.getLogger("pipelines.steps.some").debug("QXZT41P")
        return Done()

    result = invoke(talk, *SANDBOX)

    assert "QXZT41P" not in result.output
    assert texts(log_lines()) == ["sync-people: started", "sync-people: success"]


def test_the_log_file_is_for_its_owner_and_grows_with_each_run():
    for _ in range(2):
        invoke(succeed, *SANDBOX)

    [path] = Path("logs").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert texts(log_lines()) == ["sync-people: started", "sync-people: success"] * 2


def test_nothing_is_left_of_the_logging_when_a_run_has_ended():
    invoke(succeed, *SANDBOX)

    assert logging.getLogger("pipelines").handlers == logging.getLogger("otel_sqlite").handlers == []


def test_a_second_run_of_the_same_pipeline_ends_at_once_while_others_go_on():
    inner = []

    def nest(_systems):
        inner.extend(invoke(succeed, name=name, systems=[]) for name in ("people", "nikki"))
        return Done()

    result = invoke(nest, systems=[])

    line = "[ERROR] sync-people is already running (it holds data/state/people.lock)"
    assert [result.exit_code, *(one.exit_code for one in inner)] == [0, 1, 0]
    assert set(inner[0].stderr.splitlines()) == {line}  # twice: the logging of both runs listens in this process
    assert line in texts(log_lines())


def test_a_second_run_in_the_sandbox_is_told_of_the_first_and_not_of_the_sandbox():
    inner = []

    def nest(_systems):
        inner.append(invoke(succeed, *SANDBOX))
        return Done()

    result = invoke(nest, *SANDBOX)

    assert (result.exit_code, inner[0].exit_code) == (0, 1)
    assert set(inner[0].stderr.splitlines()) == {
        "[ERROR] sync-people is already running (it holds data/sandbox/state/people.lock)"
    }


def test_a_pipeline_does_not_start_while_another_does_its_work():
    inner = []

    def nest(_systems):
        inner.append(invoke(succeed, systems=[]))
        return Done()

    result = invoke(nest, name="all", systems=[], also_locks=["people"])
    after = invoke(succeed, systems=[])

    assert [result.exit_code, inner[0].exit_code, after.exit_code] == [0, 1, 0]
    assert set(inner[0].stderr.splitlines()) == {"[ERROR] sync-all is already running (it holds data/state/people.lock)"}


@pytest.mark.parametrize("name", ["people", "teams", "functions", "freescout", "discipline"])
def test_the_pipeline_all_does_not_start_while_a_part_of_it_runs(name):
    inner = []

    def nest(_systems):
        inner.append(CliRunner().invoke(sync_all, ["--sandbox"]))
        return Done()

    result = invoke(nest, *SANDBOX, name=name)

    assert (result.exit_code, inner[0].exit_code) == (0, 1)
    assert set(inner[0].stderr.splitlines()) == {
        f"[ERROR] sync-{name} is already running (it holds data/sandbox/state/{name}.lock)"
    }


def test_a_run_that_did_not_start_is_a_failure_on_the_dashboard_that_says_why(tmp_path):
    code = """
        from pipelines.cli import command
        command("people", lambda systems, *, force: None, systems=())()
    """
    lock = tmp_path / "data/state/people.lock"
    lock.parent.mkdir(parents=True)
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=tracked(), capture_output=True, check=False)

    with closing(sqlite3.connect("data/dashboard.sqlite")) as dashboard:
        runs = dashboard.execute("SELECT pipeline, outcome, total_failed FROM runs").fetchall()
        steps = dashboard.execute("SELECT step_name FROM run_steps").fetchall()
        errors = dashboard.execute("SELECT step_name, error_message FROM run_errors").fetchall()
    assert done.returncode == 1
    assert (runs, steps) == ([("people", "failure", 0)], [])
    assert errors == [("run", "sync-people is already running (it holds data/state/people.lock)")]


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        ([], {"everyone": False, "days": 2}, ""),
        (["--all", "--days", "7"], {"everyone": True, "days": 7}, ""),
        (["--days", "0"], {"everyone": False, "days": 2}, "[WARNING] 0 is not a whole number of 1 or more: 2 is taken\n"),
        (["--days", "few"], {"everyone": False, "days": 2}, "[WARNING] few is not a whole number of 1 or more: 2 is taken\n"),
    ],
)
def test_a_pipeline_is_told_what_its_own_options_say(arguments, given, said):
    told = []

    def note(_systems, **options):
        told.append(options)
        return Done()

    options = (click.option("--all", "everyone", is_flag=True), click.option("--days", type=number_or(2), default=2))
    result = CliRunner().invoke(command("functions", note, systems=(), options=options), arguments)

    assert (result.exit_code, result.stderr) == (0, said)
    assert told == [{"force": False, **given}]


@pytest.mark.parametrize(
    ("arguments", "site"),
    [
        ([], "BrowserSite"),
        (["--no-browser"], "HttpSite"),
        (SANDBOX, "HttpSite"),
        ([*SANDBOX, "--browser"], "BrowserSite"),
    ],
)
def test_the_real_systems_are_seen_in_a_browser_and_the_sandbox_without_unless_told_otherwise(arguments, site):
    pytest.importorskip("playwright", reason="the browser extra is not installed")

    def look(systems):
        return Done(summary=" ".join(type(client._site).__name__ for client in (systems.sportlink, systems.nikki)))

    assert f"{site} {site}\n" in invoke(look, *arguments, systems=[]).stdout


@pytest.mark.parametrize("missing", ["click", "stamina"])
@pytest.mark.parametrize("name", ["all", "discipline", "freescout", "functions", "nikki", "people", "teams"])
def test_a_command_whose_packages_are_missing_says_how_to_get_them(name, missing):
    script = f"import sys; sys.modules[{missing!r}] = None; from pipelines.sync_{name} import main"

    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    text = "[ERROR] a pipeline needs packages that are missing: pip install 'otel-sqlite[pipelines]'\n"
    assert (result.returncode, result.stdout, result.stderr) == (2, "", text)


def test_a_run_whose_stdout_is_closed_goes_on_to_its_end():
    script = (
        "from pipelines.cli import command\n"
        "class Done: success, summary = True, 'all went well'\n"
        "command('people', lambda systems, *, force: Done, systems=[])(['--no-browser'])\n"
    )

    result = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, check=False
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert texts(log_lines())[-1] == "sync-people: success"


def test_a_browser_that_is_not_installed_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    monkeypatch.delitem(sys.modules, "pipelines.clients.chromium", raising=False)

    result = invoke(succeed, "--browser", systems=[])

    text = "[ERROR] --browser needs packages that are missing: pip install 'otel-sqlite[browser]'\n"
    assert (result.exit_code, result.stderr) == (2, text)


def test_a_sandbox_that_another_process_uses_is_one_line():
    with running(Path("data/sandbox"), members=5):
        result = invoke(succeed, *SANDBOX)

    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "data/sandbox is in use by process" in result.stderr


def test_ctrl_c_in_the_pipeline_is_one_line():
    def interrupt(_systems):
        raise KeyboardInterrupt

    result = invoke(interrupt, *SANDBOX)

    assert (result.exit_code, result.stderr) == (130, "[ERROR] sync-people: interrupted\n")


def test_ctrl_c_after_the_pipeline_is_one_line_too():
    class Interrupted:
        success = True

        @property
        def summary(self):
            raise KeyboardInterrupt

    result = invoke(lambda _systems: Interrupted(), *SANDBOX)

    assert (result.exit_code, result.stderr) == (130, "[ERROR] interrupted\n")


def test_a_sandbox_that_is_not_installed_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pipelines.sandbox", None)

    result = invoke(succeed, *SANDBOX)

    assert (result.exit_code, result.stderr) == (
        2,
        "[ERROR] --sandbox needs packages that are missing: pip install 'otel-sqlite[sandbox]'\n",
    )


def test_a_text_that_the_terminal_cannot_show_is_spelled_out():
    result = invoke(lambda _systems: Done(summary="sam\ud800@voorbeeld.example"), *SANDBOX)

    assert (result.exit_code, result.stdout.splitlines()[3]) == (0, r"sam\ud800@voorbeeld.example")


def test_help_names_the_flags_and_the_exit_codes():
    text = " ".join(invoke(succeed, "-h").output.split())

    for words in (
        "Usage: sync-people",
        "Bring members to the mailing lists.",
        "--verbose",
        "--force",
        "--sandbox",
        "--members",
        "Exit code: 0 all went well, 1 something failed (see the summary), 2 it could not start, 130 interrupted.",
    ):
        assert words in text


# ------------------------------------------------------------------------------------------------ real processes

PROCESS = """
import sys, threading
from pipelines.cli import command

class Done:
    success = True
    summary = "THE SUMMARY"

def wait(systems, *, force):
    print("ready", flush=True)
    threading.Event().wait()

def count(systems, *, force):
    for _ in systems.track(range(3), "counting"):
        pass
    return Done()

command("people", globals()[sys.argv.pop(1)], systems=())()
"""


def tracked():
    """The environment of a process whose runs are recorded."""
    return {name: value for name, value in os.environ.items() if name != "OTEL_SDK_DISABLED"}


def start_process(pipeline, **options):
    return subprocess.Popen([sys.executable, "-c", PROCESS, pipeline], stderr=subprocess.PIPE, **options)


@pytest.mark.parametrize(
    ("number", "exit_code", "stderr"),
    [(signal.SIGINT, 130, "[ERROR] sync-people: interrupted\n"), (signal.SIGTERM, -signal.SIGTERM, "")],
)
def test_a_signal_ends_the_process_without_a_traceback(tmp_path, number, exit_code, stderr):
    output = tmp_path / "output"
    with output.open("w+") as stdout, start_process("wait", stdout=stdout) as process:
        while "ready" not in output.read_text():
            assert process.poll() is None
        process.send_signal(number)
        _, said = process.communicate(timeout=60)

    assert (process.returncode, said.decode()) == (exit_code, stderr)


def test_a_terminal_sees_a_line_that_moves():
    reader, writer = os.openpty()
    with start_process("count", stdout=writer) as process:
        os.close(writer)
        shown = read_all(reader)

    assert process.returncode == 0
    assert re.search(r"counting .*3/3", shown)
    assert shown.splitlines()[-1].startswith("Log file: ")
    assert "\x1b[?25l" not in shown.rpartition("\x1b[?25h")[2]  # the cursor is never left hidden


def test_a_pipe_sees_plain_lines():
    with start_process("count", stdout=subprocess.PIPE) as process:
        shown = process.stdout.read().decode()

    assert shown.splitlines()[:3] == ["sync-people: started", "counting: 3", "sync-people: success"]
    assert "\x1b" not in shown


def test_a_run_goes_on_when_nobody_reads_what_it_says():
    reader, writer = os.pipe()
    os.close(reader)
    with start_process("count", stdout=writer) as process:
        os.close(writer)
        said = process.stderr.read()

    assert (process.returncode, said) == (0, b"")
    assert texts(log_lines()) == ["sync-people: started", "counting: 3", "sync-people: success"]


def read_all(descriptor):
    """What a terminal shows until its other side is closed, which the kernel says with an error."""
    shown = b""
    try:
        while chunk := os.read(descriptor, 65536):
            shown += chunk
    except OSError:
        pass
    finally:
        os.close(descriptor)
    return shown.decode()


def test_the_size_of_a_club_without_a_sandbox_is_a_usage_error():
    result = CliRunner().invoke(command("people", len, systems=()), ["--members", "5"])
    assert result.exit_code == 2
    assert "--members goes with --sandbox" in result.output
