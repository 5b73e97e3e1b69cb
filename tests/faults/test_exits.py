"""However a process ends, stops or is told the time, its runs say what became of them."""

import os
import signal
from pathlib import Path

import pytest

from otel_sqlite import journal
from otel_sqlite.applier import recover
from otel_sqlite.model import timestamp
from tests.faults.invariants import check
from tests.faults.processes import locked, rows, state, stop, until

pytestmark = pytest.mark.usefixtures("unmeasured")

PREAMBLE = """
import asyncio, atexit, os, signal, sys, threading
from otel_sqlite import ItemError, configure, run

configure()

def step_of(r):
    with r.step("x") as step:
        step.count(created=1)
"""

ENDINGS = {
    "a handler of SIGTERM that exits": (
        """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
with run("people") as r:
    step_of(r)
    os.kill(os.getpid(), signal.SIGTERM)
""",
        (143, "failure", "exit_code"),
    ),
    "a handler of SIGTERM that raises KeyboardInterrupt": (
        """
signal.signal(signal.SIGTERM, signal.default_int_handler)
with run("people") as r:
    step_of(r)
    os.kill(os.getpid(), signal.SIGTERM)
""",
        (-signal.SIGINT, "failure", "signal"),
    ),
    "an exit inside a step": (
        """
with run("people") as r:
    step_of(r)
    with r.step("y"):
        sys.exit(3)
""",
        (3, "failure", "exit_code"),
    ),
    "an exit in a thread": (
        """
def work():
    with run("people") as r:
        step_of(r)
        sys.exit(3)
thread = threading.Thread(target=work)
thread.start()
thread.join()
""",
        (0, "failure", "exit_code"),
    ),
    "a daemon thread that is in a step": (
        """
opened = threading.Event()
def work():
    with run("people") as r:
        step_of(r)
        with r.step("y"):
            opened.set()
            threading.Event().wait()
threading.Thread(target=work, daemon=True).start()
opened.wait()
""",
        (0, "failure", "process_died"),
    ),
    "a block that is never left": (
        """
r = run("people")
r.__enter__()
step_of(r)
os._exit(0)
""",
        (0, "failure", "process_died"),
    ),
    "a generator that is closed when everything is": (
        """
def work():
    with run("people") as r:
        step_of(r)
        yield
kept = [work()]
next(kept[0])
kept.append(kept)
""",
        (0, "failure", "cancelled"),
    ),
    "a generator that is closed": (
        """
def work():
    with run("people") as r:
        step_of(r)
        yield
generator = work()
next(generator)
generator.close()
""",
        (0, "failure", "cancelled"),
    ),
    "a task that is cancelled": (
        """
async def work():
    with run("people") as r:
        step_of(r)
        with r.step("y"):
            await asyncio.sleep(60)
async def main():
    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
asyncio.run(main())
""",
        (0, "failure", "cancelled"),
    ),
    "a task that runs out of time": (
        """
async def main():
    with run("people") as r:
        step_of(r)
        async with asyncio.timeout(0.01):
            with r.step("y"):
                await asyncio.sleep(60)
asyncio.run(main())
""",
        (1, "failure", "exception"),
    ),
    "a step that runs out of time in a run that goes on": (
        """
async def main():
    with run("people") as r:
        step_of(r)
        try:
            async with asyncio.timeout(0.01):
                with r.step("y"):
                    await asyncio.sleep(60)
        except TimeoutError:
            pass
asyncio.run(main())
""",
        (0, "partial", "ok"),
    ),
    "a run in an exit handler that was registered before": (
        """
def late():
    with run("people") as r:
        step_of(r)
atexit.unregister(late)
atexit.register(late)
""",
        (0, "success", "ok"),
    ),
    "an end in an exit handler": (
        """
r = run("people")
r.__enter__()
step_of(r)
atexit.register(r.__exit__, None, None, None)
""",
        (0, "success", "ok"),
    ),
    "no end of the recording": (
        """
with run("people") as r:
    step_of(r)
os._exit(0)
""",
        (0, "success", "ok"),
    ),
    "a thread that goes on after the main thread": (
        """
gone = threading.main_thread()
def work():
    with run("people") as r:
        gone.join()
        step_of(r)
threading.Thread(target=work).start()
""",
        (0, "success", "ok"),
    ),
    "too deep a recursion": (
        """
def deep():
    deep()
with run("people") as r:
    step_of(r)
    deep()
""",
        (1, "failure", "exception"),
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_run_says_how_it_ended(program, database, ending):
    source, (code, outcome, reason) = ENDINGS[ending]
    done = program(PREAMBLE + source, OTEL_SQLITE_PATH=str(database))

    assert done.returncode == code, done.stderr
    recover(database, 60)
    check(database)
    assert rows(database, "SELECT outcome, end_reason, total_created FROM runs") == [(outcome, reason, 1)]
    assert rows(database, "SELECT 1 FROM run_steps WHERE outcome IS NULL") == []
    assert not journal.exist(database)


def test_ctrl_c_at_any_moment_of_an_event_keeps_no_process_from_ending(program, database):
    """It may strike when a function of Python begins, and when one of C returns."""
    source = """
    import signal, sys
    from opentelemetry import trace
    from otel_sqlite import configure, run

    def strike(frame, event, _argument):
        global left
        if event in {"call", "c_return"} and frame.f_code.co_name != "strike":
            left -= 1
            if left == 0:
                signal.raise_signal(signal.SIGINT)

    def work(at):
        global left
        left = at
        step = r.step("x").__enter__()
        trace.get_tracer_provider().force_flush()  # the thread rests, and has to be woken
        sys.setprofile(strike)
        try:
            step.__exit__(None, None, None)
        finally:
            sys.setprofile(None)

    configure()
    struck = 0
    with run("people") as r:
        while True:
            try:
                work(struck + 1)
            except KeyboardInterrupt:
                struck += 1
            else:
                break
    print(struck > 100)
    """
    done = program(source, OTEL_SQLITE_PATH=str(database))
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


def test_ctrl_c_while_the_background_thread_starts_is_the_pipelines_and_costs_no_run(program, database):
    source = """
    import os, signal, sys, threading
    from otel_sqlite import configure, run

    def strike(frame, event, _argument):
        global left
        if event in {"call", "c_return"} and frame.f_code.co_filename == threading.__file__:
            left -= 1
            if left == 0:
                signal.raise_signal(signal.SIGINT)

    def work():
        try:
            sys.setprofile(strike)
            run("first").__enter__()
        except KeyboardInterrupt:
            pass
        else:
            return 1 if left <= 0 else 2  # it was lost, or it did not strike any more
        finally:
            sys.setprofile(None)
        with run("second"):
            pass
        return 0

    configure()
    code = left = 0
    while code == 0:
        left = struck = left + 1
        pid = os.fork()
        if pid == 0:
            os._exit(work())
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(code, struck - 1)
    """
    done = program(source, OTEL_SQLITE_PATH=str(database))
    code, struck = map(int, done.stdout.split())
    assert (done.returncode, done.stderr, code) == (0, "", 2)
    assert struck > 10
    recover(database, 60)
    assert rows(database, "SELECT outcome, COUNT(*) FROM runs WHERE pipeline = 'second' GROUP BY 1") == [("success", struck)]


@pytest.mark.parametrize(
    ("moment", "said", "names"), [("never", [False], "first second"), ("later", [False, True], "first second third")]
)
def test_where_no_thread_can_be_started_the_journal_keeps_what_is_recorded_until_one_can(program, database, moment, said, names):
    source = """
    import sys, threading
    from opentelemetry import trace
    from otel_sqlite import configure, run

    configure()
    threading.stack_size(1 << 50)  # more than there is
    for pipeline in ("first", "second"):
        with run(pipeline):
            pass
    print([trace.get_tracer_provider().force_flush(10)])
    if sys.argv[1] == "later":
        threading.stack_size(0)
        with run("third"):
            pass
        print([trace.get_tracer_provider().force_flush()])
    """
    done = program(source, moment, OTEL_SQLITE_PATH=str(database))
    assert (done.returncode, done.stdout) == (0, "".join(f"[{is_stored}]\n" for is_stored in said)), done.stderr
    (line,) = done.stderr.splitlines()
    assert line == f"can't start new thread (until then, what is recorded is kept in {journal.folder(database)})"
    assert journal.exist(database) == (moment == "never")
    recover(database, 60)
    assert rows(database, "SELECT group_concat(pipeline, ' ') FROM runs WHERE outcome = 'success'") == [(names,)]


def test_a_run_that_ends_when_recording_has_shut_down_is_whole_before_its_process_ends(program, database):
    source = """
    import sys
    from pathlib import Path
    from opentelemetry import trace
    from otel_sqlite import configure, run
    from otel_sqlite.applier import recover

    configure()
    with run("people") as r:
        trace.get_tracer_provider().shutdown()
        with r.step("late") as step:
            step.count(created=1)
    print(recover(Path(sys.argv[1]), 10).journals)
    """
    done = program(source, str(database), OTEL_SQLITE_PATH=str(database))
    assert (done.stdout, done.stderr) == ("1\n", "")
    check(database)
    assert rows(database, "SELECT outcome, end_reason, total_created FROM runs") == [("success", "ok", 1)]


def test_an_exit_that_may_not_wait_leaves_the_rest_to_recover(work, database, recovered_check):
    work("--runs", 1).finish()
    with locked(database):
        worker = work("--runs", 3, OTEL_SQLITE_EXIT_TIMEOUT="0")
        assert worker.finish() == (0, "")
    recovered_check(work.workers)
    assert rows(database, "SELECT outcome, COUNT(*) FROM runs") == [("partial", 4)]


def test_a_stopped_process_is_running_and_goes_on(work, database, recovered_check):
    worker = work("--pause")
    worker.wait_for("step")
    until(lambda: rows(database, "SELECT 1 FROM runs"))

    assert stop(worker.process.pid, database) == (0, 0, 0)

    check(database, acknowledged=worker.facts)
    assert rows(database, "SELECT outcome, end_reason FROM runs") == [("running", None)]
    os.kill(worker.process.pid, signal.SIGCONT)
    worker.go_on()
    worker.wait_for("step")
    assert worker.finish() == (0, "")
    recovered_check([worker])
    assert rows(database, "SELECT outcome, end_reason FROM runs") == [("partial", "ok")]


def has_one_thread(pid):
    return len([*Path(f"/proc/{pid}/task").iterdir()]) == 1  # the main thread may be dead before the others are


def test_a_process_that_nobody_has_waited_for_is_dead(work, database, recovered_check):
    """Its pid still answers."""
    worker = work("--pause")
    worker.wait_for("step")
    os.kill(worker.process.pid, signal.SIGKILL)
    until(lambda: state(worker.process.pid) == "Z" and has_one_thread(worker.process.pid))
    os.kill(worker.process.pid, 0)

    assert recovered_check([worker]).labelled == 1


def test_the_pid_of_a_journal_may_be_anothers_by_now(work, database, recovered_check):
    worker = work("--pause")
    worker.wait_for("step")
    worker.kill()
    (file,) = journal.folder(database).iterdir()
    alive = file.with_name(file.name.replace(f"-{worker.process.pid}-", f"-{os.getpid()}-"))
    alive.write_bytes(file.read_bytes().replace(str(worker.process.pid).encode(), str(os.getpid()).encode()))
    alive.chmod(0o600)
    file.unlink()

    recovered_check([worker])

    assert rows(database, "SELECT outcome, end_reason FROM runs") == [("failure", "process_died")]


# ---------------------------------------------------------------------------------------------- clocks

CLOCK = """
import os, time

def set_clock(start_ns):
    global origin
    origin = start_ns - real()

real, origin = time.time_ns, 0
time.time_ns = lambda: real() + origin  # before the SDK takes its own reference
time.time = lambda: time.time_ns() / 1e9

import sys
from otel_sqlite import configure, run

first, second = (int(value) for value in sys.argv[1:3])
set_clock(first)
configure()
with run("people") as r:
    with r.step("before"):
        pass
    with r.step("during"):
        set_clock(second)
        os.environ["TZ"] = sys.argv[3]
        time.tzset()
    with r.step("after"):
        pass
"""
MINUTE_NS, HOUR_NS, YEAR_NS = 60 * 10**9, 3600 * 10**9, 365 * 24 * 3600 * 10**9
NOW_NS = 1_790_000_000 * 10**9
CLOCKS = {
    "one hour back": (NOW_NS, NOW_NS - HOUR_NS),
    "one year forward": (NOW_NS, NOW_NS + YEAR_NS),
    "back to 1970": (NOW_NS, 0),
    "over the end of 32 bits": (2**31 * 10**9 - 1, 2**31 * 10**9 + 1),
    "into daylight saving time": (1_774_745_999 * 10**9, 1_774_746_000 * 10**9),
    "out of daylight saving time": (1_792_889_999 * 10**9, 1_792_890_000 * 10**9),
}


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "Asia/Kathmandu"])
def test_a_clock_that_is_set_makes_no_duration_negative_or_wrong(program, database, clock, zone):
    first, second = CLOCKS[clock]
    done = program(CLOCK, str(first), str(second), zone, OTEL_SQLITE_PATH=str(database), TZ="Europe/Amsterdam")

    assert (done.returncode, done.stderr) == (0, "")
    check(database)
    durations = [ms for (ms,) in rows(database, "SELECT duration_ms FROM runs UNION ALL SELECT duration_ms FROM run_steps")]
    assert len(durations) == 4
    assert all(0 <= ms < 60_000 for ms in durations), durations
    ((started_at,),) = rows(database, "SELECT started_at FROM runs")
    assert timestamp(first) <= started_at < timestamp(first + MINUTE_NS)
    steps = rows(database, "SELECT step_name, started_at FROM run_steps ORDER BY id")
    assert [name for name, _ in steps] == ["before", "during", "after"]
    assert timestamp(second) <= steps[2][1] < timestamp(second + MINUTE_NS)
