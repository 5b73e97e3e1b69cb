"""Processes come from processes at any moment and in any way; a child never ends, doubles or outlives its parent's run."""

import os
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing

import pytest

from otel_sqlite import journal
from otel_sqlite.applier import recover
from otel_sqlite.store.writer import Writer
from tests.faults.invariants import check
from tests.faults.processes import ROOT, rows, until

pytestmark = pytest.mark.usefixtures("unmeasured")

FORK = """
import os, signal, sys
from otel_sqlite import configure, run

POSITION, ENDING = sys.argv[1:]

def fork(r=None):  # r: the run that is open
    pid = os.fork()
    if pid:
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
        return
    signal.alarm(50)
    match ENDING:
        case "exit":
            sys.exit(0)
        case "exception":
            raise RuntimeError
        case "exec":
            os.execv("/bin/true", ["true"])
        case "a run":
            configure()
            with run("child") as own, own.step("x") as step:
                step.count(created=1)
        case "a step":
            with r.step("child") as step:
                step.count(created=1)
    os._exit(0)

if POSITION == "before configure":
    fork()
configure()
if POSITION == "before a run":
    fork()
with run("people") as r:
    if POSITION == "in a run":
        fork(r)
    with r.step("x") as step:
        step.count(created=1)
        if POSITION == "in a step":
            fork(r)
if POSITION == "after a run":
    fork()
"""
POSITIONS = ["before configure", "before a run", "in a run", "in a step", "after a run"]
FORKS = [(position, ending) for position in POSITIONS for ending in ("exit", "a run")]
FORKS += [("in a step", ending) for ending in ("exception", "_exit", "exec", "a step")] + [("in a run", "a step")]


@pytest.mark.parametrize(("position", "ending"), FORKS)
def test_a_forked_child_leaves_its_parents_run_alone_and_keeps_what_it_recorded(program, database, position, ending):
    done = program(FORK, position, ending, OTEL_SQLITE_PATH=str(database))

    assert (done.returncode, done.stdout) == (0, "1\n" if ending == "exception" else "0\n"), done.stderr
    recover(database, 60)
    check(database)
    by_child = int(ending == "a step")
    runs = [("people", "success", "ok", 1 + by_child)]
    if ending == "a run":
        runs.insert(0, ("child", "success", "ok", 1))
    assert rows(database, "SELECT pipeline, outcome, end_reason, total_created FROM runs ORDER BY pipeline") == runs
    assert rows(database, "SELECT COUNT(*) FROM run_steps WHERE outcome = 'success'") == [(len(runs) + by_child,)]
    assert not journal.exist(database)


def test_a_child_that_ends_a_span_it_inherited_does_not_end_the_run(program, database):
    """Plain OpenTelemetry has no guard of its own: the child ends and exports the same span."""
    source = """
    import os
    from opentelemetry import trace
    from opentelemetry.trace import Status, StatusCode
    from otel_sqlite import configure

    configure()
    span = trace.get_tracer("plain").start_span("RUN people", attributes={"cicd.pipeline.name": "people"})
    pid = os.fork()
    if pid == 0:
        span.set_status(Status(StatusCode.ERROR, "of the child"))
        raise SystemExit(span.end())
    os.waitpid(pid, 0)
    span.end()
    """
    done = program(source, OTEL_SQLITE_PATH=str(database))
    assert (done.returncode, done.stderr) == (0, "")
    recover(database, 60)
    check(database)
    assert rows(database, "SELECT outcome FROM runs") == [("success",)]


def test_a_child_that_leaves_its_parents_block_exports_nothing_of_it(program):
    """Whoever else gets the spans would have the run twice, and ended while it goes on."""
    source = """
    import os
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from otel_sqlite import run

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with run("people", tracer_provider=provider) as r, r.step("x"):
        pid = os.fork()
    names = [span.name for span in exporter.get_finished_spans()]
    if pid == 0:
        os._exit(len(names))
    print(names, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """
    assert program(source).stdout == "['x', 'RUN people'] 0\n"


def test_a_fork_waits_for_the_transaction_in_progress(program, database):
    """A child forked while a thread is inside SQLite inherits locks of the library that nobody ever gives back."""
    source = """
    import os, sys, threading
    from pathlib import Path
    from otel_sqlite.store.adopt import dashboard

    forking, forked, inside = threading.Event(), threading.Event(), threading.Event()
    seen = []

    def write():
        with dashboard(Path(sys.argv[1])).transaction(10):
            inside.set()
            forking.wait()
            seen.append(forked.wait(0.3))

    writer = threading.Thread(target=write)
    writer.start()
    inside.wait()
    os.register_at_fork(before=forking.set)  # the last one registered is the first one called
    if os.fork() == 0:
        os._exit(0)
    forked.set()
    writer.join()
    print(seen)
    """
    assert program(source, str(database)).stdout == "[False]\n"


@pytest.mark.parametrize(
    "lock",
    [
        "otel_sqlite.instrument._counting",
        "otel_sqlite.processor._processors.copy().pop()._lock",
        "otel_sqlite.store.connection._no_fork",
    ],
)
def test_a_child_forked_while_another_thread_holds_a_lock_records_all_the_same(program, database, lock):
    source = f"""
    import os, signal, threading
    import otel_sqlite.instrument, otel_sqlite.processor, otel_sqlite.store.connection
    from otel_sqlite import configure, run

    configure()
    held, go_on = threading.Event(), threading.Event()

    def hold():
        with {lock}:
            held.set()
            go_on.wait(0.3)  # the hooks wait for the lock, where there are hooks

    with run("people") as r:
        holder = threading.Thread(target=hold)
        holder.start()
        held.wait()
        pid = os.fork()
        if pid == 0:
            signal.alarm(50)
            with r.step("child") as step:
                step.count(created=1)
            os._exit(0)
        go_on.set()
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        holder.join()
    """
    done = program(source, OTEL_SQLITE_PATH=str(database))
    assert (done.stdout, done.stderr) == ("0\n", "")
    recover(database, 60)
    check(database)
    assert rows(database, "SELECT outcome, total_created FROM runs") == [("success", 1)]


OUTLIVED = """
import os, signal, subprocess, sys
from otel_sqlite import configure, run

configure()
with run("people") as r, r.step("x"):
    match sys.argv[1]:
        case "fork":
            if os.fork() == 0:
                sys.stdin.read()
                os._exit(0)
        case "subprocess":
            subprocess.Popen([sys.executable, "-S", "-c", "import sys; sys.stdin.read()"], close_fds=False)
        case "os.system":
            os.system("cat >/dev/null <&0 &")
    print("here", flush=True)
    signal.pause()
"""


@pytest.mark.parametrize("child", ["fork", "subprocess", "os.system"])
def test_a_child_that_outlives_its_parent_does_not_keep_the_run_alive(database, child):
    parent = subprocess.Popen(
        [sys.executable, "-c", OUTLIVED, child],
        env={**os.environ, "OTEL_SQLITE_PATH": str(database)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert parent.stdout.readline() == "here\n"
        until(lambda: rows(database, "SELECT 1 FROM runs"))
        parent.kill()
        parent.wait()
        assert recover(database, 60).labelled == 1
        check(database)
        assert rows(database, "SELECT outcome, end_reason FROM runs") == [("failure", "process_died")]
    finally:
        parent.stdin.close()
        parent.stdout.close()


POOL = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from otel_sqlite import configure, run

def work(number):
    configure()
    with run("worker") as r, r.step("x") as step:
        step.count(created=number)
    return r.outcome

def main():
    method, kind = sys.argv[1:]
    context = multiprocessing.get_context(method)
    configure()
    with run("people") as r, r.step("x"):
        if kind == "pool":
            with ProcessPoolExecutor(2, mp_context=context) as pool:
                print(set(pool.map(work, range(1, 5))))
        else:
            processes = [context.Process(target=work, args=(number,)) for number in range(1, 5)]
            for process in processes:
                process.start()
            for process in processes:
                process.join()
            print({process.exitcode for process in processes})

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("kind", ["pool", "processes"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_every_kind_record_runs_of_their_own(tmp_path, database, method, kind):
    script = tmp_path / "main.py"
    script.write_text(POOL)
    done = subprocess.run(
        [sys.executable, script, method, kind],
        env={**os.environ, "OTEL_SQLITE_PATH": str(database), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = "{<Outcome.SUCCESS: 'success'>}\n" if kind == "pool" else "{0}\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
    recover(database, 60)
    check(database)
    assert rows(database, "SELECT pipeline, outcome, COUNT(*), SUM(total_created) FROM runs GROUP BY 1, 2 ORDER BY 1") == [
        ("people", "success", 1, 0),
        ("worker", "success", 4, 10),
    ]
    assert not journal.exist(database)


def test_a_pool_that_was_forked_before_configure_records_like_any_other(program, database):
    """As servers do that fork their workers first."""
    source = """
    import os
    from otel_sqlite import configure, run

    pids = []
    for number in range(4):
        if (pid := os.fork()) == 0:
            configure()
            for _ in range(5):
                with run(f"worker-{number}") as r, r.step("x") as step:
                    step.count(created=1)
            raise SystemExit
        pids.append(pid)
    print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids])
    """
    done = program(source, OTEL_SQLITE_PATH=str(database))
    assert (done.stdout, done.stderr) == ("[0, 0, 0, 0]\n", "")
    check(database)
    assert rows(database, "SELECT COUNT(*), COUNT(DISTINCT pipeline) FROM runs WHERE outcome = 'success'") == [(20, 4)]


def test_a_connection_is_never_shared_with_a_child(database):
    """What a child wrote through its parent's connection, the parent would write over."""
    writer = Writer(database)
    with closing(writer):
        writer.write([], 1)
        inherited = writer._database._connection
        pid = os.fork()
        if pid == 0:
            os._exit(int(writer._database._connection is inherited))
        assert os.waitpid(pid, 0)[1] == 0
        assert inherited.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_step_in_a_child_and_one_in_its_parent_are_both_there(program, database):
    source = textwrap.dedent("""
    import os
    from otel_sqlite import ItemError, configure, run

    configure()
    with run("people") as r:
        pids = []
        for number in range(8):
            if (pid := os.fork()) == 0:
                with r.step(f"child-{number}") as step:
                    step.item_error(ItemError("ABC", "bad"))
                raise SystemExit
            pids.append(pid)
            with r.step(f"parent-{number}") as step:
                step.item_error(ItemError("ABC", "bad"))
        print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids])
    """)
    done = program(source, OTEL_SQLITE_PATH=str(database))
    assert (done.stdout, done.stderr) == (f"{[0] * 8}\n", "")
    recover(database, 60)
    check(database, offered=16)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT outcome, total_failed FROM runs").fetchall() == [("partial", 16)]
