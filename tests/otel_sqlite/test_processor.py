"""The live path: from the span to the row, in this process and in its forks."""

import errno
import os
import shutil
import sqlite3
import threading
from contextlib import closing
from dataclasses import dataclass, field

import pytest
from opentelemetry.sdk.trace import SpanLimits, TracerProvider

from otel_sqlite import ItemError, applier, journal, run, semconv
from otel_sqlite.applier import recover
from otel_sqlite.processor import DashboardSpanProcessor


@dataclass
class Result:
    created: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0
    errors: list[ItemError] = field(default_factory=list)


@pytest.fixture
def rows(path, read):
    """Like ``read``, and empty while there is no database yet."""

    def found(query):
        try:
            return read(query) if path.exists() else []
        except sqlite3.OperationalError:  # being created
            return []

    return found


@pytest.fixture
def no_ticks(monkeypatch):
    """No tick comes by itself, however long the machine takes."""
    monkeypatch.setattr(applier, "TICK_S", 1_000.0)


def test_a_run_and_its_step_are_visible_while_they_run(tracked, rows, until):
    with tracked() as provider, run("people", tracer_provider=provider) as r:
        until(lambda: rows("SELECT outcome FROM runs") == [("running",)])
        with r.step("photo-upload"):
            until(lambda: rows("SELECT step_name, outcome, finished_at FROM run_steps") == [("photo-upload", None, None)])
        until(lambda: rows("SELECT outcome FROM run_steps") == [("success",)])
    assert rows("SELECT outcome, end_reason FROM runs") == [("success", "ok")]


def test_counts_and_item_errors_of_an_open_step_come_with_the_tick(tracked, rows, until):
    with tracked() as provider, run("people", tracer_provider=provider) as r, r.step("laposta-submit") as step:
        step.count(created=3)
        step.item_error(ItemError("ABC", "bad"))
        until(lambda: rows("SELECT created_count, failed_count, outcome FROM run_steps") == [(3, 1, None)])
        until(lambda: rows("SELECT member_identifier, error_message FROM run_errors") == [("ABC", "bad")])
        step.item_error(ItemError("DEF", "worse"))
    assert rows("SELECT member_identifier FROM run_errors ORDER BY id") == [("ABC",), ("DEF",)]
    assert rows("SELECT total_created, total_failed FROM runs") == [(3, 2)]


def test_a_result_that_a_step_follows_is_on_the_dashboard_while_it_grows(tracked, rows, until):
    with tracked() as provider, run("people", tracer_provider=provider) as r, r.step("laposta-submit") as step:
        result = step.record(Result())
        for number in (1, 2):
            result.created += 10
            result.errors.append(ItemError(f"M{number}", "bad"))
            until(lambda: rows("SELECT created_count, failed_count, outcome FROM run_steps") == [(number * 10, number, None)])  # noqa: B023 - called at once
        assert rows("SELECT member_identifier FROM run_errors ORDER BY id") == [("M1",), ("M2",)]
        result.created += 1
    assert rows("SELECT total_created, total_failed FROM runs") == [(21, 2)]
    assert rows("SELECT COUNT(*) FROM run_errors") == [(2,)]


def test_a_tick_without_news_writes_nothing(path, tracked):
    with tracked() as provider, run("people", tracer_provider=provider) as r, r.step("x") as step:
        step.count(created=1)
        provider.dashboard.tick()
        size = provider.dashboard._journal.end
        provider.dashboard.tick()
        assert provider.dashboard._journal.end == size
        step.count(created=1)
        provider.dashboard.tick()
        assert provider.dashboard._journal.end > size


def test_the_row_says_who_records_it(tracked, rows):
    with tracked() as provider:
        with run("people", tracer_provider=provider):
            pass
        assert provider.force_flush()
        ((host, pid, name),) = rows("SELECT host, pid, journal FROM runs")
    assert (host, pid) == (journal.host(), os.getpid())
    assert name.endswith(journal.SUFFIX)


def test_flush_brings_everything_said_so_far_to_the_database(tracked, rows):
    with tracked() as provider:
        for _ in range(50):
            with run("people", tracer_provider=provider):
                pass
        assert provider.force_flush()
        assert rows("SELECT COUNT(*), COUNT(DISTINCT run_uid) FROM runs WHERE outcome = 'success'") == [(50, 50)]


def test_after_shutdown_nothing_is_left_but_the_database(path, tracked):
    with tracked() as provider, run("people", tracer_provider=provider):
        pass
    assert sorted(file.name for file in path.parent.iterdir()) == ["dashboard.sqlite", "dashboard.sqlite.d"]
    assert list(journal.folder(path).iterdir()) == []


def test_a_second_shutdown_and_spans_after_it_do_nothing(tracked, rows):
    with tracked() as provider:
        with run("people", tracer_provider=provider):
            pass
        provider.dashboard.shutdown()
        provider.dashboard.shutdown()
        with run("late", tracer_provider=provider):
            pass
    assert rows("SELECT pipeline FROM runs") == [("people",)]


def test_a_run_that_is_open_at_shutdown_can_still_end(path, tracked, rows):
    """Its journal keeps the lease until then, and recover finds the rest in it, while the process lives on."""
    with tracked() as provider:
        with run("people", tracer_provider=provider) as r:
            provider.dashboard.shutdown()
            with r.step("late"):
                pass
            assert recover(path, 60) == (0, 0, 0)
            assert rows("SELECT outcome FROM runs") == [("running",)]
        assert recover(path, 60) == (1, 0, 0)
    assert rows("SELECT outcome, end_reason FROM runs") == [("success", "ok")]
    assert rows("SELECT step_name, outcome FROM run_steps") == [("late", "success")]


def test_a_process_without_runs_leaves_no_trace(path, tracked):
    with tracked() as provider, provider.get_tracer("other").start_as_current_span("GET /people"):
        pass
    assert not path.parent.exists()


def test_spans_of_others_are_left_alone(tracked, rows):
    with tracked() as provider, run("people", tracer_provider=provider) as r, r.step("x"):
        provider.get_tracer("httpx").start_span("GET /people").end()
    assert rows("SELECT COUNT(*) FROM runs") == [(1,)]
    assert rows("SELECT COUNT(*) FROM run_steps") == [(1,)]


def test_a_span_that_began_before_the_processor_was_added_is_recorded_when_it_ends(path, rows):
    provider = TracerProvider(shutdown_on_exit=False)
    with run("people", tracer_provider=provider) as r, r.step("x") as step:
        step.count(updated=1)
        provider.add_span_processor(DashboardSpanProcessor(path))
    provider.shutdown()
    assert rows("SELECT pipeline, outcome, total_updated FROM runs") == [("people", "success", 1)]


@pytest.mark.usefixtures("no_ticks")
def test_what_a_tick_saw_is_kept_when_the_sdk_drops_it_later(path, rows):
    """Somebody else's provider keeps the last 128 events of a span."""
    provider = TracerProvider(shutdown_on_exit=False, span_limits=SpanLimits())
    dashboard = DashboardSpanProcessor(path)
    provider.add_span_processor(dashboard)
    with run("people", tracer_provider=provider) as r, r.step("x") as step:
        for number in range(100):
            step.item_error(ItemError(str(number), "bad"))
        dashboard.tick()
        for number in range(100, 400):
            step.item_error(ItemError(str(number), "bad"))
    provider.shutdown()

    kept = [
        int(item) for (item,) in rows("SELECT member_identifier FROM run_errors WHERE member_identifier IS NOT NULL ORDER BY id")
    ]
    assert kept[:100] == list(range(100))
    assert kept[-128:] == list(range(272, 400))
    lost = 400 - len(kept)
    assert rows("SELECT reason, count FROM run_drops") == [("sdk_event_limit", lost)]
    ((message,),) = rows("SELECT error_message FROM run_errors WHERE member_identifier IS NULL")
    assert message.startswith(f"{lost} more events were dropped by the SDK")
    assert rows("SELECT failed_count FROM run_steps") == [(400,)]


def test_ten_thousand_item_errors_are_all_kept_and_more_are_counted(tracked, rows):
    with tracked() as provider, run("people", tracer_provider=provider) as r, r.step("x") as step:
        for number in range(10_250):
            step.item_error(ItemError(str(number), "bad"))
    assert rows("SELECT COUNT(*), COUNT(DISTINCT member_identifier) FROM run_errors") == [(10_001, 10_000)]
    assert rows("SELECT error_message FROM run_errors WHERE member_identifier IS NULL") == [
        ("250 more item errors were counted, but not kept",)
    ]
    assert rows("SELECT reason, count FROM run_drops") == [("item_error_limit", 250)]
    assert rows("SELECT total_failed FROM runs") == [(10_250,)]


def test_a_stranger_who_holds_the_database_delays_the_rows_not_the_pipeline(path, tracked, rows, until):
    with tracked() as provider:
        with run("first", tracer_provider=provider):
            pass
        assert provider.force_flush()
        with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
            stranger.execute("BEGIN EXCLUSIVE")
            with run("second", tracer_provider=provider):
                pass
            stranger.execute("ROLLBACK")
        until(lambda: len(rows("SELECT 1 FROM runs WHERE outcome = 'success'")) == 2)


@pytest.mark.parametrize("how", ["deleted", "replaced by an empty file"])
def test_a_database_that_goes_away_comes_back_with_the_whole_of_every_open_run(path, tracked, rows, until, how):
    with tracked() as provider, run("people", tracer_provider=provider) as r:
        with r.step("before") as step:
            step.item_error(ItemError("ABC", "bad"))
        assert provider.force_flush()
        for file in path.parent.glob("dashboard.sqlite*"):
            if file.is_file():
                file.unlink()
        if how != "deleted":
            path.touch()
        with r.step("after"):
            pass
    assert rows("SELECT pipeline, outcome FROM runs") == [("people", "partial")]
    assert rows("SELECT step_name, outcome FROM run_steps ORDER BY started_at, id") == [
        ("before", "partial"),
        ("after", "success"),
    ]
    assert rows("SELECT member_identifier FROM run_errors") == [("ABC",)]


@pytest.mark.parametrize("content", [None, "directory", b"garbage" * 500, "foreign"])
def test_a_place_that_cannot_hold_a_dashboard_costs_one_line_and_keeps_the_journal(path, tracked, caplog, content):
    path.parent.mkdir()
    match content:
        case "directory":
            path.mkdir()
        case "foreign":
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("CREATE TABLE customers (id)")
        case bytes():
            path.write_bytes(content)
        case None:
            (path.parent / "dashboard.sqlite.d").write_text("no room for a journal")
    done = []
    with tracked() as provider, run("people", tracer_provider=provider) as r:
        for number in range(3):
            with r.step(f"step-{number}"):
                done.append(number)
            provider.force_flush(500)

    assert done == [0, 1, 2]
    (line,) = [record.getMessage() for record in caplog.records if record.name.startswith("otel_sqlite")]
    assert str(path) in line
    assert journal.exist(path) == (content is not None)


def test_what_the_journal_kept_is_recovered_when_the_place_is_mended(path, tracked, rows, caplog):
    path.mkdir(parents=True)
    with tracked() as provider, run("people", tracer_provider=provider):
        pass
    path.rmdir()
    assert recover(path, 60).journals == 1
    assert rows("SELECT pipeline, outcome FROM runs") == [("people", "success")]


def test_what_could_not_be_stored_while_a_run_was_open_is_stored_when_the_process_idles(path, tracked, rows, until, monkeypatch):
    monkeypatch.setattr(applier, "_WRITE_TIMEOUT_S", 0.01)
    with tracked() as provider:
        with run("first", tracer_provider=provider):
            pass
        assert provider.force_flush()
        with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
            stranger.execute("BEGIN EXCLUSIVE")
            with run("second", tracer_provider=provider):
                pass
            until(lambda: provider.dashboard._applier._complaints)
            stranger.execute("ROLLBACK")
        until(lambda: len(rows("SELECT 1 FROM runs WHERE outcome = 'success'")) == 2)


@pytest.mark.parametrize("call", ["ftruncate", "pread"])
def test_a_journal_that_cannot_be_read_or_emptied_once_is_the_next_time(tracked, rows, until, monkeypatch, call):
    faults = [OSError(errno.EIO, os.strerror(errno.EIO))]
    sound = getattr(os, call)

    def failing_once(*arguments):
        if faults:
            raise faults.pop()
        return sound(*arguments)

    monkeypatch.setattr(journal.os, call, failing_once)
    with tracked() as provider:
        for number in (1, 2):
            with run("people", tracer_provider=provider):
                pass
            until(lambda: not faults)
            until(lambda number=number: rows("SELECT COUNT(*) FROM runs WHERE outcome = 'success'") == [(number,)])


def test_a_shutdown_that_runs_out_of_time_leaves_the_journal_to_the_thread(path, tracked, monkeypatch, tmp_path):
    """The thread goes on reading: a descriptor closed under it may be another file by then."""
    monkeypatch.setenv("OTEL_SQLITE_EXIT_TIMEOUT", "0")
    with tracked() as provider:
        with run("first", tracer_provider=provider):
            pass
        assert provider.force_flush()
        with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
            stranger.execute("BEGIN EXCLUSIVE")
            with run("second", tracer_provider=provider):
                pass
            thread = provider.dashboard._applier._thread
            provider.dashboard.shutdown()
            precious = (tmp_path / "precious").open("w+b")
            precious.write(b"mine")
            precious.flush()
            stranger.execute("ROLLBACK")
        thread.join(60)
    assert (tmp_path / "precious").read_bytes() == b"mine"
    precious.close()


def test_a_folder_of_journals_that_is_removed_does_no_harm_to_the_database(path, tracked, rows):
    with tracked() as provider, run("people", tracer_provider=provider) as r:
        with r.step("before"):
            pass
        assert provider.force_flush()
        with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
            stranger.execute("BEGIN IMMEDIATE")
            shutil.rmtree(path.with_name(path.name + ".d"))
            stranger.execute("ROLLBACK")
        provider.dashboard.tick()
        with r.step("after"):
            pass
        assert provider.force_flush()
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            assert reader.execute("SELECT COUNT(*) FROM run_steps").fetchone() == (2,)
    assert rows("PRAGMA integrity_check") == [("ok",)]
    assert rows("SELECT outcome FROM runs") == [("success",)]


def test_lines_that_the_disk_did_not_take_are_written_when_it_does(tracked, rows, caplog):
    with tracked() as provider, run("people", tracer_provider=provider) as r:
        log = provider.dashboard._journal
        real, log._descriptor = log._descriptor, os.open("/dev/full", os.O_WRONLY)
        with r.step("late"):
            pass
        os.close(log._descriptor)
        log._descriptor = real
    assert rows("SELECT step_name, outcome FROM run_steps") == [("late", "success")]
    assert rows("SELECT reason, count FROM run_drops") == []


@pytest.mark.usefixtures("no_ticks")
def test_lines_that_the_disk_never_took_are_in_the_ledger(tracked, rows, caplog, monkeypatch):
    monkeypatch.setattr("otel_sqlite.journal._WAITING_BYTES", 0)
    with tracked() as provider, run("people", tracer_provider=provider) as r:
        log = provider.dashboard._journal
        real, log._descriptor = log._descriptor, os.open("/dev/full", os.O_WRONLY)
        with r.step("first"), r.step("lost") as step:
            step.item_error(ItemError("a", "bad"))
        os.close(log._descriptor)
        log._descriptor = real
    assert rows("SELECT step_name FROM run_steps") == [("first",)]
    assert rows("SELECT reason, count FROM run_drops ORDER BY reason") == [("unwritten_error", 1), ("unwritten_line", 3)]


def test_what_there_was_no_journal_for_is_counted_and_what_is_open_is_told_later(path, tracked, rows, monkeypatch, caplog):
    path.parent.mkdir(parents=True)
    in_the_way = path.with_name(path.name + ".d")
    in_the_way.write_text("")
    with tracked() as provider, run("people", tracer_provider=provider) as r:
        with r.step("lost") as step:
            step.item_error(ItemError("a", "bad"))
        with r.step("open") as step:
            in_the_way.unlink()
            provider.dashboard._reopen_at = 0
            with r.step("new"):
                provider.dashboard.tick()
                assert provider.force_flush()
                assert rows("SELECT outcome, journal NOT NULL FROM runs") == [("running", 1)]
    assert rows("SELECT step_name FROM run_steps ORDER BY step_name") == [("new",), ("open",)]
    assert rows("SELECT reason, count FROM run_drops ORDER BY reason") == [("unwritten_error", 1), ("unwritten_line", 1)]


def test_a_handle_that_is_used_again_is_another_run(tracked, rows):
    with tracked() as provider:
        r = run("again", tracer_provider=provider)
        with r, r.step("x") as step:
            step.count(created=5)
        with pytest.raises(ValueError, match="bad"), r, step:
            raise ValueError("bad")
    assert rows("SELECT outcome, total_created FROM runs ORDER BY id") == [("success", 5), ("failure", 0)]
    assert rows("SELECT COUNT(*) FROM run_errors") == [(1,)]


class TestFork:
    """A child never ends, duplicates or deletes its parent's run, lease or journal."""

    def test_a_child_that_leaves_its_parents_block_does_not_end_the_run(self, path, tracked, rows, in_child):
        with tracked() as provider, run("people", tracer_provider=provider) as r:
            step = r.step("x").__enter__()

            def leave():
                step.__exit__(None, None, None)
                r.__exit__(SystemExit, SystemExit(1), None)
                provider.shutdown()

            in_child(leave)
            assert provider.force_flush()
            assert rows("SELECT outcome FROM runs") == [("running",)]
            assert recover(path, 60) == (0, 0, 0)
            step.__exit__(None, None, None)
        assert rows("SELECT outcome FROM runs") == [("success",)]
        assert rows("SELECT step_name, outcome FROM run_steps") == [("x", "success")]

    def test_a_plain_span_that_a_child_inherited_is_not_ended_by_it(self, tracked, rows, in_child):
        with tracked() as provider:
            tracer = provider.get_tracer("plain")
            span = tracer.start_span("RUN people", attributes={semconv.PIPELINE_NAME: "people"})
            in_child(span.end)
            assert provider.force_flush()
            assert rows("SELECT outcome FROM runs") == [("running",)]
            span.end()
        assert rows("SELECT outcome FROM runs") == [("success",)]

    def test_a_step_of_the_run_may_be_done_by_a_child(self, path, tracked, rows, in_child):
        with tracked() as provider, run("people", tracer_provider=provider) as r:

            def work():
                with r.step("in the child") as step:
                    step.count(created=4)
                provider.shutdown()

            in_child(work)
            with r.step("in the parent"):
                pass
        assert rows("SELECT outcome, total_created FROM runs") == [("success", 4)]
        assert rows("SELECT step_name FROM run_steps ORDER BY step_name") == [("in the child",), ("in the parent",)]
        assert not journal.exist(path)

    def test_a_step_that_dies_with_its_child_is_labelled_and_the_run_goes_on(self, path, tracked, rows, in_child):
        with tracked() as provider, run("people", tracer_provider=provider) as r:
            in_child(lambda: r.step("dies").__enter__())
            recover(path, 60)
            assert rows("SELECT step_name, outcome, end_reason FROM run_steps") == [("dies", "failure", "process_died")]
            assert rows("SELECT outcome FROM runs") == [("running",)]

    def test_a_step_that_fails_in_a_child_makes_the_run_partial(self, tracked, rows, in_child):
        with tracked() as provider, run("people", tracer_provider=provider) as r:

            def work():
                with r.step("in the child") as step:
                    step.item_error(ItemError("ABC", "bad"))
                provider.shutdown()

            in_child(work)
        assert rows("SELECT outcome, total_failed FROM runs") == [("partial", 1)]

    def test_what_a_child_says_of_its_parents_step_is_not_lost_silently(self, tracked, rows, in_child, caplog):
        with tracked() as provider, run("people", tracer_provider=provider) as r, r.step("x") as step:

            def work():
                step.count(created=1)
                step.item_error(ItemError("ABC", "bad"))
                return caplog.text.count("was opened in another process")

            assert in_child(work) == "1"
        assert rows("SELECT created_count FROM run_steps") == [(0,)]

    def test_a_child_may_record_runs_of_its_own(self, tracked, rows, in_child):
        with tracked() as provider, run("parent", tracer_provider=provider):

            def work():
                with run("child", tracer_provider=provider):
                    pass
                provider.shutdown()

            in_child(work)
        assert sorted(rows("SELECT pipeline, outcome FROM runs")) == [("child", "success"), ("parent", "success")]

    def test_children_forked_while_threads_record_never_hang(self, tracked, rows, monkeypatch):
        monkeypatch.setenv("OTEL_SQLITE_EXIT_TIMEOUT", "60")  # forty children may wait long for a slow disk
        stop = threading.Event()
        with tracked() as provider, run("people", tracer_provider=provider) as r:

            def record():
                while not stop.is_set():
                    with r.step("busy") as step:
                        step.item_error(ItemError("ABC", "bad"))
                        step.record(Result()).errors += [ItemError("DEF", "bad")]
                        provider.dashboard.tick()

            threads = [threading.Thread(target=record) for _ in range(3)]
            for thread in threads:
                thread.start()
            children = []
            for _ in range(40):
                pid = os.fork()
                if pid == 0:
                    status = 1
                    try:
                        with r.step("child") as step:
                            step.count(created=1)
                        provider.shutdown()
                        status = 0
                    finally:
                        os._exit(status)
                children.append(pid)
            stop.set()
            for thread in threads:
                thread.join()
            assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 40
        assert rows("SELECT COUNT(*), SUM(created_count) FROM run_steps WHERE step_name = 'child'") == [(40, 40)]
        assert rows("SELECT COUNT(*) FROM run_steps WHERE outcome IS NULL") == [(0,)]


def test_a_run_in_which_nothing_happens_is_in_a_new_database_as_well(path, tracked, read, until):
    with tracked() as provider, run("people", tracer_provider=provider):
        provider.force_flush()
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink()
        until(path.exists)
        provider.force_flush()
        until(lambda: read("SELECT name FROM sqlite_master WHERE name = 'runs'") and read("SELECT outcome FROM runs"))
        assert read("SELECT outcome FROM runs") == [("running",)]


def test_a_journal_that_somebody_truncates_costs_nothing_that_comes_after(path, tracked, read, caplog):
    with tracked() as provider, run("people", tracer_provider=provider) as r:
        provider.force_flush()
        (file,) = journal.folder(path).glob("*.jsonl")
        os.truncate(file, 0)
        with r.step("download") as step:
            step.count(created=1)
    assert read("SELECT outcome, total_created FROM runs") == [("success", 1)]
    assert read("SELECT step_name, outcome FROM run_steps") == [("download", "success")]
    assert not journal.exist(path)
    assert ["was truncated by somebody else" in record.getMessage() for record in caplog.records] == [True]
