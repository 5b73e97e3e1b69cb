"""recover: what dead processes left behind."""

import os
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from otel_sqlite import applier, death, run
from otel_sqlite import journal as journals
from otel_sqlite.applier import Recovered, prune, recover
from otel_sqlite.dead import dead_journals
from otel_sqlite.errors import ForeignDatabaseError
from otel_sqlite.journal import Header, Journal
from otel_sqlite.model import timestamp
from otel_sqlite.store.adopt import dashboard


@pytest.fixture
def die(tracked, in_child):
    """Let a child process begin a run, fail on an item, and die without another word."""

    trackings = []  # kept, because one that is collected shuts its provider down

    def dies(last_words=None):
        def work():
            trackings.append(tracked())
            provider = trackings[-1].__enter__()
            r = run("people", tracer_provider=provider).__enter__()
            with r.step("done") as step:
                step.count(created=2)
            r.step("open").__enter__().item_error(ValueError("bad"), item_id="ABC")
            provider.dashboard.tick()
            if last_words:
                last_words(provider)

        in_child(work)

    return dies


def only_header(path):
    (dead,) = dead_journals(path)
    header = dead.header
    dead.close()
    return header


def test_the_run_of_a_dead_process_is_complete_and_labelled(path, die, read):
    die()

    assert recover(path, 60) == Recovered(journals=1, waiting=0, labelled=1)

    assert read("SELECT outcome, end_reason, total_created, total_failed FROM runs") == [("failure", "process_died", 2, 1)]
    assert read("SELECT step_name, outcome, end_reason FROM run_steps ORDER BY id") == [
        ("done", "success", "ok"),
        ("open", "failure", "process_died"),
    ]
    assert read("SELECT step_name, member_identifier, error_message FROM run_errors") == [("open", "ABC", "bad")]
    ((evidence,),) = read("SELECT end_evidence FROM runs")
    assert evidence.startswith("process ")
    assert evidence.endswith("; open step: open")
    assert not journals.exist(path)


def test_what_only_the_journal_knew_is_counted_as_recovered(path, die, read, monkeypatch):
    monkeypatch.setattr(applier, "_LINGER_S", 1_000.0)  # it dies before its thread has brought anything to the database
    die()
    recover(path, 60)
    # The run, two steps of which one has ended, and one error.
    assert read("SELECT recovered FROM runs") == [(5,)]


def test_what_was_in_the_database_before_is_not_recovered(path, die, read):
    die(lambda provider: provider.force_flush())
    recover(path, 60)
    assert read("SELECT recovered FROM runs") == [(None,)]


def test_a_second_time_there_is_nothing_to_do(path, die):
    die()
    recover(path, 60)
    assert recover(path, 60) == Recovered(0, 0, 0)


def test_a_run_that_goes_on_is_never_touched(path, tracked, read):
    with tracked() as provider, run("people", tracer_provider=provider):
        assert provider.force_flush()
        assert recover(path, 60) == Recovered(0, 0, 0)
        assert read("SELECT outcome FROM runs") == [("running",)]
    assert read("SELECT outcome FROM runs") == [("success",)]


def test_nothing_is_created_where_nothing_was_recorded(path):
    assert recover(path, 1) == Recovered(0, 0, 0)
    assert not path.parent.exists()


def test_without_time_everything_waits(path, die):
    die()
    assert recover(path, -1).waiting == 1
    assert journals.exist(path)


def test_a_database_that_is_not_ours_leaves_the_journal_alone(path, die):
    die()
    for file in path.parent.glob("dashboard.sqlite*"):
        if file.is_file():
            file.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE customers (id)")
    with pytest.raises(ForeignDatabaseError):
        recover(path, 1)
    assert journals.exist(path)


def test_a_run_whose_journal_is_gone_is_labelled_too(path, die, read):
    die(lambda provider: provider.force_flush())
    for file in journals.folder(path).iterdir():
        file.unlink()

    assert recover(path, 60) == Recovered(0, 0, 1)
    assert read("SELECT outcome, end_reason FROM runs") == [("failure", "process_died")]


def test_after_a_reboot_that_is_the_reason(path, die, read, monkeypatch):
    die()
    monkeypatch.setattr(journals, "boot_id", lambda: "another boot")
    recover(path, 60)
    assert read("SELECT end_reason FROM runs") == [("host_rebooted",)]


def test_the_boot_of_another_machine_says_nothing(path, die, read, monkeypatch):
    die()
    pid = only_header(path).pid
    monkeypatch.setattr(journals, "boot_id", lambda: "another boot")
    monkeypatch.setattr(journals, "host", lambda: "another machine")
    recover(path, 60)
    ((reason, evidence),) = read("SELECT end_reason, end_evidence FROM runs")
    assert reason == "process_died"
    assert evidence.startswith(f"process {pid} of {os.uname().nodename} is gone; last sign of life ")


def test_why_a_process_died_is_asked_only_where_it_left_something_open(path, tracked, in_child, read, monkeypatch):
    trackings = []

    def work():
        trackings.append(tracked())
        with run("people", tracer_provider=trackings[-1].__enter__()):
            pass

    in_child(work)
    monkeypatch.setattr(applier, "_cause", lambda *_: pytest.fail("there is nothing to say it of"))
    assert recover(path, 60).journals == 1
    assert read("SELECT outcome FROM runs") == [("success",)]


def test_a_dead_run_ends_with_the_last_sign_of_life_not_when_it_is_found(path, die, read):
    die()
    (file,) = journals.folder(path).iterdir()
    seen_ns = file.stat().st_mtime_ns + 7_000_000_000
    os.utime(file, ns=(seen_ns, seen_ns))
    recover(path, 60)
    seen_at = timestamp(seen_ns)
    assert read("SELECT finished_at, last_seen_at FROM runs") == [(seen_at, seen_at)]
    assert read("SELECT finished_at FROM run_steps WHERE step_name = 'open'") == [(seen_at,)]


def test_without_an_open_step_the_evidence_names_the_last_one(path, tracked, in_child, read):
    trackings = []

    def work():
        trackings.append(tracked())
        provider = trackings[-1].__enter__()
        r = run("people", tracer_provider=provider).__enter__()
        with r.step("done"):
            pass

    in_child(work)
    recover(path, 60)
    ((evidence,),) = read("SELECT end_evidence FROM runs")
    assert evidence.endswith("; last step: done, success")


def test_a_kill_that_the_control_group_counted_is_evidence(path, die, read, tmp_path, monkeypatch):
    counter = tmp_path / "memory.events"
    counter.write_text("low 0\noom_kill 3\n")
    monkeypatch.setattr(death, "_group_file", lambda: counter)
    die()
    counter.write_text("low 0\noom_kill 4\n")
    recover(path, 60)
    ((evidence,),) = read("SELECT end_evidence FROM runs")
    assert "perhaps out of memory: the kernel has killed 1 of its control group since it began" in evidence


def test_a_header_with_less_and_with_more_than_this_version_writes_is_read(path, die, read):
    for line in ('["journal", 1, "club", 7, null]', '["journal", 1, "club", 7, null, null, null, "more"]'):
        die()
        (file,) = journals.folder(path).iterdir()
        rest = file.read_bytes().splitlines(keepends=True)[1:]
        file.write_bytes(line.encode() + b"\n" + b"".join(rest))
        assert only_header(path) == Header("club", 7, None)
        assert recover(path, 60).labelled == 1


def test_unreadable_lines_are_counted(path, die, read):
    die()
    (file,) = journals.folder(path).iterdir()
    with file.open("ab") as journal:
        journal.write(b"garbage\n\x00\x01\n")
    recover(path, 60)
    assert read("SELECT span_id, reason, count FROM run_drops") == [(file.name, "unreadable_line", 2)]


def test_a_journal_without_a_header_is_applied_all_the_same(path, die, read):
    die()
    (file,) = journals.folder(path).iterdir()
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[1:]))
    recover(path, 60)
    assert read("SELECT outcome, end_reason FROM runs") == [("failure", "process_died")]
    ((evidence,),) = read("SELECT end_evidence FROM runs")
    assert evidence.startswith("its process is gone")


def test_of_two_that_recover_at_once_one_waits_for_the_other(path, die, read):
    for _ in range(6):
        die()
    results = []
    threads = [threading.Thread(target=lambda: results.append(recover(path, 60))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(result.journals for result in results) == 6
    assert read("SELECT outcome, end_reason, COUNT(*) FROM runs GROUP BY 1, 2") == [("failure", "process_died", 6)]
    assert read("SELECT COUNT(*) FROM run_errors") == [(6,)]


def test_the_header_tells_whose_journal_it_is(path):
    journal = Journal(path, threading.RLock())
    journal.close(remove=False)
    (dead,) = dead_journals(path)
    assert dead.header == Header(journals.host(), os.getpid(), journals.boot_id(), *(death.memory_group() or ()))
    dead.close()


def test_the_journal_of_a_newer_version_waits_for_a_reader_that_knows_it(path, die):
    die()
    (file,) = journals.folder(path).iterdir()
    file.write_bytes(file.read_bytes().replace(b'["journal", 1,', b'["journal", 2,'))
    assert recover(path, 60) == Recovered(journals=0, waiting=1, labelled=0)
    assert file.exists()


def test_a_run_of_another_machine_is_not_labelled_for_its_journal_is_not_here(path, die, read):
    die(lambda provider: provider.force_flush())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE runs SET host = 'elsewhere'")
        connection.commit()
    for file in journals.folder(path).iterdir():
        file.unlink()
    assert recover(path, 60).labelled == 0
    assert read("SELECT outcome FROM runs") == [("running",)]


DAY_NS = 24 * 3600 * 1_000_000_000


@pytest.fixture
def history(path):
    """Record ended runs of so many days ago, each with an error."""

    def record(*ages_days):
        with closing(dashboard(path)) as database, database.transaction(5) as connection:
            for age_days in ages_days:
                at = timestamp(time.time_ns() - age_days * DAY_NS)
                connection.execute("INSERT INTO runs (pipeline, started_at, outcome) VALUES ('people', ?, 'success')", (at,))
                columns = "run_id, step_name, error_message, created_at"
                connection.execute(f"INSERT INTO run_errors ({columns}) VALUES (last_insert_rowid(), 's', 'm', ?)", (at,))

    return record


@pytest.mark.parametrize("since_the_leap", [[], [0], [20, 0], [100, 0]])
def test_a_clock_that_jumped_ahead_deletes_nothing_by_itself(path, history, read, caplog, since_the_leap):
    history(4_300, 4_250, *since_the_leap)
    for _ in range(2):
        prune(path, 400, lambda: True)
    assert read("SELECT COUNT(*) FROM runs") == read("SELECT COUNT(*) FROM run_errors") == [(2 + len(since_the_leap),)]
    (said,) = [record.getMessage() for record in caplog.records]
    assert "nothing old is deleted by itself, because no run began between" in said
    assert said.endswith("look at the clock, and if it is right, delete with 'otel-sqlite prune'")


@pytest.mark.parametrize("days", [400, 7])
def test_where_time_passed_the_old_goes_by_itself(path, history, read, caplog, days):
    history(900, 830, 760, 690, 620, 550, 480, 410, 340, 270, 200, 130, 60, 0)
    prune(path, days, lambda: True)
    assert read("SELECT COUNT(*) FROM runs") == [(6 if days == 400 else 1,)]
    assert read("SELECT COUNT(*) FROM run_errors") == [(2 if days == 400 else 1,)]
    assert caplog.records == []


def test_a_last_run_that_stays_for_its_age_is_no_leap(path, history, read, caplog):
    """Such as that of a pipeline that was given up: it is never deleted, so it is to keep nothing else from going."""
    history(2_000)
    with closing(dashboard(path)) as database, database.transaction(5) as connection:
        connection.execute("UPDATE runs SET pipeline = 'given up'")
        connection.execute("DELETE FROM run_errors")
    history(300, 0)
    prune(path, 400, lambda: True)
    assert read("SELECT COUNT(*) FROM runs") == [(3,)]
    assert caplog.records == []
