"""Tracking never harms: a pipeline does the same, and ends in the same way, whatever becomes of its tracking."""

import sqlite3
from contextlib import closing, contextmanager

import pytest

from otel_sqlite.applier import recover
from otel_sqlite.store.writer import Writer

PIPELINE = """
import contextlib, resource, signal, sys, threading
from dataclasses import dataclass
from otel_sqlite import ItemError, run

TRACKING, ENDING = sys.argv[1:]
ENDINGS = {
    "exception": ValueError("boom"), "exit 0": SystemExit(0), "exit 3": SystemExit(3), "exit text": SystemExit("text"),
    "interrupt": KeyboardInterrupt(), "base": BaseException("odd"),
}
if TRACKING == "no write succeeds":
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

@dataclass
class Result:
    created: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0
    errors: tuple = ()

def hooks():
    signals = [signal.getsignal(number) for number in signal.valid_signals()]
    return signals, sys.excepthook, threading.excepthook, sys.unraisablehook, sys.gettrace(), sys.getprofile()

@contextlib.contextmanager
def optional():
    try:
        yield
    except Exception as error:
        print("held back", error is PHOTO, error.__context__, error.__cause__)

def submit(item):
    print("submit", item)
    if item == "B":
        raise LookupError(item)

PHOTO = OSError("no photo")

def pipeline():
    with run("people") as r:
        with r.step("download") as step:
            print("download")
            result = Result(created=3, errors=[ItemError("A", "refused"), "odd"])
            print(step.record(result) is result)
        with optional(), r.step("photos"):
            print("photos")
            raise PHOTO
        with r.step("submit") as step:
            for item in "ABC":
                try:
                    submit(item)
                    step.count(created=1)
                except LookupError as error:
                    step.item_error(error, item)
            step.detail({"items": 3})
        with r.step("last") as step:
            step.skip("nothing to do")
            if ENDING != "return":
                raise ENDINGS[ENDING]
        r.summarize({"created": 3})
    return r.outcome

before = hooks()
if TRACKING != "no SDK":
    from otel_sqlite import configure
    configure()
try:
    print("returned", pipeline())
except BaseException as error:
    print("raised", error is ENDINGS[ENDING], error.__context__, error.__cause__)
    raise
finally:
    print("hooks unchanged", hooks() == before)
"""

CALLS = "download\nTrue\nphotos\nheld back True None None\nsubmit A\nsubmit B\nsubmit C\n"
RAISED = "raised True None None\n"
ENDINGS = {
    "return": ("returned partial\n", 0),
    "exception": (RAISED, 1),
    "exit 0": (RAISED, 0),
    "exit 3": (RAISED, 3),
    "exit text": (RAISED, 1),
    "interrupt": (RAISED, -2),
    "base": (RAISED, 1),
}


@contextmanager
def locked(path):
    """Another process holds the database all the time."""
    writer = Writer(path)
    writer.write([], 1)
    writer.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def a_directory(path):
    path.mkdir(parents=True)
    yield


@contextmanager
def below_a_file(path):
    path.parent.write_text("not a folder")
    yield


@contextmanager
def another_format(path):
    path.parent.mkdir()
    path.write_text("not a database\n" * 1_000)
    yield


@contextmanager
def nothing(path):
    del path
    yield


TRACKINGS = {
    "no SDK": nothing,
    "healthy": nothing,
    "a directory": a_directory,
    "below a file": below_a_file,
    "another format": another_format,
    "a read-only place": nothing,
    "no write succeeds": nothing,
    "locked": locked,
}


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("tracking", TRACKINGS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_pipeline_does_the_same_and_ends_in_the_same_way_whatever_becomes_of_its_tracking(program, tmp_path, tracking, ending):
    path = tmp_path / "data" / "dashboard.sqlite"
    elsewhere = {"OTEL_SQLITE_PATH": "/proc/otel_sqlite/dashboard.sqlite"} if tracking == "a read-only place" else {}
    with TRACKINGS[tracking](path):
        done = program(PIPELINE, tracking, ending, OTEL_SQLITE_EXIT_TIMEOUT="0.3", **elsewhere)
    said, code = ENDINGS[ending]
    assert (done.stdout, done.returncode) == (CALLS + said + "hooks unchanged True\n", code)


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize(
    ("tracking", "complaints"),
    [
        ("no SDK", 0),
        ("healthy", 0),
        ("a directory", 1),
        ("below a file", 1),
        ("another format", 1),
        ("a read-only place", 1),
        ("no write succeeds", 1),
        ("locked", 0),
    ],
)
def test_trouble_with_tracking_is_one_line(program, tmp_path, tracking, complaints):
    path = tmp_path / "data" / "dashboard.sqlite"
    elsewhere = {"OTEL_SQLITE_PATH": "/proc/otel_sqlite/dashboard.sqlite"} if tracking == "a read-only place" else {}
    with TRACKINGS[tracking](path):
        done = program(
            PIPELINE, tracking, "return", OTEL_SQLITE_EXIT_TIMEOUT="0.3" if tracking == "locked" else "60", **elsewhere
        )
    assert done.stderr.count("\n") == complaints, done.stderr


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize(("tracking", "waiting"), [("healthy", 0), ("locked", 1)])
def test_what_a_locked_database_kept_waiting_is_there_once_it_is_free(program, tmp_path, tracking, waiting):
    path = tmp_path / "data" / "dashboard.sqlite"
    with TRACKINGS[tracking](path):
        program(PIPELINE, tracking, "return", OTEL_SQLITE_EXIT_TIMEOUT="0.3" if waiting else "60")
    assert recover(path, 60).journals == waiting
    with closing(sqlite3.connect(path)) as connection:
        runs = connection.execute("SELECT pipeline, outcome, end_reason, total_created, total_failed FROM runs").fetchall()
        steps = connection.execute("SELECT step_name, outcome FROM run_steps ORDER BY id").fetchall()
        errors = connection.execute("SELECT step_name, member_identifier, error_message FROM run_errors ORDER BY id").fetchall()
    assert runs == [("people", "partial", "ok", 5, 3)]
    assert steps == [("download", "partial"), ("photos", "failure"), ("submit", "partial"), ("last", "skipped")]
    assert errors == [
        ("download", "A", "refused"),
        ("download", None, "odd"),
        ("photos", None, "no photo"),
        ("submit", "B", "B"),
    ]
