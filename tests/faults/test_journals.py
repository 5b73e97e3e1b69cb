"""Whatever lies among the journals, those that can be read are applied, and nothing else is harmed."""

import json
import os
import random
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from otel_sqlite import journal
from otel_sqlite.applier import recover
from otel_sqlite.errors import StoreRecoveringError
from otel_sqlite.store.connection import sidecar
from tests.faults.invariants import check
from tests.faults.processes import rows, start_worker
from tests.faults.sweep import tracing


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A pipeline that was killed; gives its journal and its worker."""
    folder = tmp_path_factory.mktemp("killed")
    worker = start_worker(folder / "dashboard.sqlite", folder / "facts", "--pause")
    worker.wait_for("step")
    worker.go_on()
    worker.wait_for("step")
    worker.kill()
    (file,) = journal.folder(folder / "dashboard.sqlite").iterdir()
    return file, worker


@pytest.fixture
def dead_journal(killed, database):
    """The journal of a killed pipeline beside the database of the test; gives its file and its worker."""
    original, worker = killed
    journal.folder(database).mkdir(mode=0o700, parents=True)
    sidecar(database).chmod(0o700)
    return Path(shutil.copy2(original, journal.folder(database))), worker


def odd(database, content):
    file = journal.folder(database) / f"{1:019d}-1-odd{journal.SUFFIX}"
    file.write_bytes(content)
    file.chmod(0o600)
    return file


HEADER = b'["journal",1,"host",1,null]\n'
RUN = [
    "uid",
    "t" * 32,
    "s" * 16,
    "rondo",
    "people",
    None,
    10**18,
    None,
    None,
    "running",
    False,
    None,
    None,
    None,
    "h",
    1,
    "j",
    None,
]
STEP = ["uid", "t" * 32, "p" * 16, "s" * 16, "rondo", "people", "x", 10**18, None, None, None, 0, 0, 0, 0, None, None, None, "j"]


def line(kind, span, errors=(), drops=()):
    return json.dumps([kind, span, errors, drops]).encode() + b"\n"


ODD_LINES = {
    "nothing": b"",
    "zeros": bytes(100_000),
    "random bytes": random.Random(1).randbytes(100_000),
    "newlines": b"\n" * 100_000,
    "a number": b"5\n",
    "an object": b'{"journal": 1}\n',
    "a header of other types": b'["journal",1,{"a":1},[1],{"a":1},{"a":1},[1]]\n',
    "a header that goes deep": b"[" * 100_000 + b"\n",
    "a value that goes deep": HEADER + b'["run",' + b"[" * 100_000 + b"]" * 100_000 + b",[],[]]\n",
    "an unknown kind": HEADER + line("thing", RUN),
    "a kind that is a list": HEADER + line(["run"], RUN),
    "too few values": HEADER + line("run", RUN[:3]),
    "objects for values": HEADER + line("run", [{} for _ in RUN]),
    "lists for values": HEADER + line("step", [[] for _ in STEP]),
    "numbers for values": HEADER + line("run", list(range(len(RUN)))),
    "an outcome of its own": HEADER + line("run", [*RUN[:9], "wonderful", *RUN[10:]]),
    "a time out of this world": HEADER + line("run", [*RUN[:6], 10**40, *RUN[7:]]),
    "a number out of range": HEADER + line("step", [*STEP[:11], 2**70, *STEP[12:]]),
    "half a character": HEADER + line("step", [*STEP[:1], "\ud800", *STEP[2:]]),
    "an error of another span": HEADER + line("step", STEP, [["t", "s", 1, 0, 1, "E", "m", None, "i"]]),
    "an error of no span": HEADER + line("step", STEP, [[None] * 9]),
    "a drop of another span": HEADER + line("run", RUN, [], [["t", "s", "reason", 1]]),
    "ids with a separator in them": HEADER
    + line("run", ["a-b-c", "a-b", "c", *RUN[3:]])
    + line("step", ["a-b-c", "a-b", "c", *STEP[3:]]),
    "a torn line": HEADER + line("run", RUN)[:-30],
}


@pytest.mark.parametrize("content", ODD_LINES)
def test_an_odd_journal_keeps_no_other_from_being_applied(database, dead_journal, recovered_check, content):
    _, worker = dead_journal
    file = odd(database, ODD_LINES[content])

    done = recovered_check([worker])

    assert (done.journals, done.waiting) == (2, 0)
    assert not file.exists()
    assert rows(database, "SELECT outcome FROM runs WHERE run_uid = ?", worker.facts[0].run_uid) == [("failure",)]


def test_a_journal_of_a_newer_format_waits_and_keeps_no_other_from_being_applied(database, dead_journal, recovered_check):
    _, worker = dead_journal
    file = odd(database, b'["journal",2,"host",1,null]\n["new"]\n')
    assert recovered_check([worker])[:2] == (1, 1)
    assert file.exists()


def test_a_name_that_is_no_text_is_a_journal_like_any_other(database, dead_journal, recovered_check):
    file, worker = dead_journal
    file.rename(file.with_name(os.fsdecode(b"\xff\xfe.jsonl")))
    assert recovered_check([worker]).journals == 1


def test_a_huge_line_is_skipped_in_little_memory(database, dead_journal, program, recovered_check):
    _, worker = dead_journal
    os.truncate(odd(database, HEADER), 512 * 1024**2)
    source = """
    import resource, sys
    from pathlib import Path
    from otel_sqlite.applier import recover
    resource.setrlimit(resource.RLIMIT_AS, (512 * 1024**2,) * 2)
    print(recover(Path(sys.argv[1]), 60).journals)
    """
    done = program(source, str(database))
    assert (done.stdout, done.stderr) == ("2\n", "")
    recovered_check([worker])


@pytest.mark.parametrize("link", ["symbolic", "hard"])
def test_a_link_among_the_journals_never_harms_what_it_leads_to(database, dead_journal, recovered_check, tmp_path, link):
    _, worker = dead_journal
    precious = tmp_path / "precious"
    precious.write_text("mine\n")
    name = journal.folder(database) / f"{1:019d}-1-odd{journal.SUFFIX}"
    name.symlink_to(precious) if link == "symbolic" else name.hardlink_to(precious)

    done = recovered_check_of_links(database, worker)

    assert done.journals == (1 if link == "symbolic" else 2)
    assert precious.read_text() == "mine\n"


def recovered_check_of_links(database, worker):
    done = recover(database, 60)
    for file in journal.folder(database).iterdir():  # where a link leads has any mode
        file.unlink()
    check(database, acknowledged=worker.facts)
    return done


@pytest.mark.parametrize("kind", ["directory", "FIFO", "socket"])
def test_what_is_no_file_among_the_journals_is_left_alone(database, dead_journal, caplog, kind):
    _, worker = dead_journal
    name = journal.folder(database) / f"{1:019d}-1-odd{journal.SUFFIX}"
    match kind:
        case "directory":
            name.mkdir(mode=0o700)
        case "FIFO":
            os.mkfifo(name, 0o600)
        case "socket":
            os.mknod(name, 0o600 | stat.S_IFSOCK)
    done = recover(database, 60)
    assert (done.journals, done.waiting, name.exists()) == (1, 0, True)
    assert caplog.records == []
    name.rmdir() if kind == "directory" else name.unlink()
    check(database, acknowledged=worker.facts)


READING = """
import os, signal, sys
from pathlib import Path
from otel_sqlite import applier

def apply(*_):
    if sys.argv[2] == "forking" and os.fork() == 0:
        print("reading", flush=True)
        sys.stdin.read()
        os._exit(0)
    if sys.argv[2] == "stopped":
        print("reading", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP if sys.argv[2] == "stopped" else signal.SIGKILL)

applier._apply_dead = apply
applier.recover(Path(sys.argv[1]), 60)
"""


@contextmanager
def reading(database, how):
    """Somebody recovers, and comes no further than the first journal."""
    command = [sys.executable, "-c", READING, str(database), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"reading\n"
            yield
        finally:
            process.kill()


def test_a_dead_run_is_never_shown_as_running_because_another_process_reads_its_journal(database, dead_journal, recovered_check):
    _, worker = dead_journal
    with reading(database, "stopped"), pytest.raises(StoreRecoveringError):
        recover(database, 0.1)
    assert recovered_check([worker]).labelled == 1


def test_a_child_of_one_that_was_killed_while_it_recovered_keeps_nobody_from_recovering(database, dead_journal, recovered_check):
    _, worker = dead_journal
    with reading(database, "forking"):
        assert recovered_check([worker]).labelled == 1


@pytest.mark.usefixtures("needs_root")
def test_a_journal_that_cannot_be_removed_keeps_no_other_from_being_applied(database, dead_journal, needs, needs_tool, caplog):
    needs_tool("chattr")
    file, worker = dead_journal
    works = subprocess.run(["chattr", "+a", file.parent], capture_output=True, check=False).returncode == 0
    needs(None if works else "the file system of the tests knows no attributes of files")
    try:
        assert [recover(database, 60)[:2] for _ in range(2)] == [(0, 1), (0, 1)]
        check(database, acknowledged=worker.facts)
    finally:
        subprocess.run(["chattr", "-a", file.parent], check=True)
    assert [record.getMessage() for record in caplog.records] == [
        f"the journal of a dead process, {file.name}, cannot be read or removed: Operation not permitted"
    ]
    assert recover(database, 60)[:2] == (1, 0)


@pytest.mark.usefixtures("needs_strace")
def test_a_journal_on_a_bad_spot_of_the_disk_keeps_no_other_from_being_applied(database, dead_journal, tmp_path):
    file, _ = dead_journal
    sound = odd(database, HEADER + line("run", ["good", "a" * 32, "b" * 16, *RUN[3:]], [], []))
    bad = tracing(tmp_path / "log", "-P", str(file), "-e", "inject=pread64:error=EIO", syscalls=["pread64"])

    done = subprocess.run(
        [*bad, sys.executable, "-c", "from otel_sqlite.cli import main; main()", "recover", "--json", "--path", str(database)],
        check=False,
        capture_output=True,
        text=True,
    )

    assert json.loads(done.stdout) == {"journals": 1, "waiting": 1, "labelled": 1}
    assert (done.returncode, done.stderr.count("\n"), sound.exists()) == (1, 1, False)


def test_a_journal_of_a_name_that_no_file_can_have_is_gone(database, dead_journal):
    odd(database, HEADER + line("run", [*RUN[:14], journal.host(), 1, "x" * 300, *RUN[17:]], [], []))
    assert recover(database, 60).labelled == 2


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["t" * 32, "s" * 16, "uid"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@hypothesis.settings(max_examples=50)
@hypothesis.given(st.data())
def test_whatever_somebody_writes_into_a_record_is_refused_or_stored_and_never_raised(data):
    kind, span = data.draw(st.sampled_from([("run", RUN), ("step", STEP)]))
    span = list(span)
    for place in data.draw(st.sets(st.integers(0, len(span) - 1), max_size=4)):
        span[place] = data.draw(VALUES)
    errors = data.draw(st.lists(st.lists(VALUES, min_size=9, max_size=9), max_size=2) | VALUES)
    drops = data.draw(st.lists(st.lists(VALUES, min_size=4, max_size=4), max_size=2) | VALUES)
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder, "dashboard.sqlite")
        journal.folder(database).mkdir(mode=0o700, parents=True)
        sidecar(database).chmod(0o700)
        odd(database, HEADER + line(kind, span, errors, drops) + line("run", ["good", "a" * 32, "b" * 16, *RUN[3:]]))

        assert recover(database, 60).journals == 1

        assert rows(database, "SELECT run_uid FROM runs WHERE run_uid = 'good'") == [("good",)]
        check(database)
