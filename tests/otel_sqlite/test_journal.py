"""A process's own log, and the lock on it that proves the process alive."""

import json
import os
import resource
import stat
import threading
import tracemalloc
from contextlib import contextmanager

import pytest

from otel_sqlite import journal as journals
from otel_sqlite.dead import dead_journals
from otel_sqlite.errors import StoreError
from otel_sqlite.journal import Journal, Lost, decode, encode
from otel_sqlite.model import ErrorRecord, RunRecord, SpanRecords, StepRecord


def said(number=1, **changes):
    run = RunRecord(
        run_uid=f"run-{number}",
        trace_id="ab" * 16,
        span_id=f"{number:016x}",
        club="rondo",
        pipeline="people",
        parent_run_id=None,
        started_ns=1,
        ended_ns=None,
        duration_ms=None,
        outcome="running",
        is_inferred=False,
        end_reason=None,
        end_evidence=None,
        summary=None,
    )
    return SpanRecords(run._replace(**changes), [ErrorRecord(run.trace_id, run.span_id, 2, 0, "at", None, "é\n", None, None)], [])


def test_a_line_says_what_was_recorded():
    line = encode(said())
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == said()


@pytest.mark.parametrize(
    "line", [b"{", b'["run", [1', b"[]", b"7", b'["run", [1, 2], [], []]', b'["tick", [], [], []]', b"\xff\xfe"]
)
def test_a_line_that_is_no_record_is_a_value_error(line):
    with pytest.raises(ValueError, match=r".*"):
        decode(line)


def test_it_reads_what_was_appended_from_any_line_on(journal):
    journal.append(said(1))
    middle = journal.end
    journal.append(said(2))

    assert journal.read(0) == ([said(1), said(2)], 0, journal.end)
    assert journal.read(middle) == ([said(2)], 0, journal.end)
    assert journal.read(journal.end) == ([], 0, journal.end)


def test_a_line_longer_than_one_read_is_read_whole(journal, monkeypatch):
    monkeypatch.setattr(journals, "_READ_BYTES", 64)
    journal.append(said(1))
    assert journal.read(0).records == []
    assert journal.read(journal.read(0).end) == ([said(1)], 0, journal.end)


def test_a_torn_last_line_waits_and_an_unreadable_one_is_counted(path, journal):
    journal.append(said(1))
    file = journals.folder(path) / journal.name
    with file.open("ab") as torn:
        torn.write(b'["run", ["half')
    assert journal.read(0) == ([said(1)], 0, journal.end)

    with file.open("ab") as torn:
        torn.write(b"\n\n")
        torn.write(encode(said(2)))
    assert journal.read(0)[:2] == ([said(1), said(2)], 1)


@contextmanager
def growing_by_at_most(journal, size):
    """The system takes so many bytes more, the last of them by a short write."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (os.fstat(journal._descriptor).st_size + size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_line_that_was_written_short_is_continued_when_there_is_room(journal, caplog):
    journal.append(said(1))
    with growing_by_at_most(journal, 20):
        journal.append(said(2))
        journal.append(said(3))
        assert journal.is_waiting
        assert journal.read(0)[:2] == ([said(1)], 0)
    journal.append(said(4))

    assert journal.read(0)[:2] == ([said(number) for number in (1, 2, 3, 4)], 0)
    assert (journal.is_waiting, journal.lost) == (False, Lost(0, 0))
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_line_that_waits_is_written_with_the_next_sign_of_life(journal, caplog):
    with growing_by_at_most(journal, 0):
        journal.append(said(1))
    journal.show_life()
    assert journal.read(0)[:2] == ([said(1)], 0)


def test_what_does_not_fit_into_memory_is_lost_and_counted(journal, monkeypatch, caplog):
    monkeypatch.setattr(journals, "_WAITING_BYTES", 2 * len(encode(said(1))))
    with growing_by_at_most(journal, 0):
        for number in range(1, 6):
            journal.append(said(number))
    journal.append(said(6))
    assert journal.read(0)[:2] == ([said(1), said(2), said(6)], 0)
    assert journal.lost == Lost(3, 3)


def test_what_waits_when_nobody_will_try_again_is_lost_and_spoils_nothing(journal, caplog):
    with growing_by_at_most(journal, 20):
        journal.append(said(1))
        journal.give_up()
    journal.append(said(2))
    assert journal.read(0)[:2] == ([said(2)], 1)
    assert journal.lost == Lost(1, 1)


def test_it_is_not_emptied_while_a_part_of_a_line_waits(journal, caplog):
    journal.append(said(1))
    end = journal.end
    with growing_by_at_most(journal, 0):
        journal.append(said(2))
        assert journal.empty_if(lambda: True, end) == end
    journal.show_life()
    assert journal.read(0)[:2] == ([said(1), said(2)], 0)


@pytest.mark.parametrize("fault", ["full", "unlockable"])
def test_one_that_cannot_be_made_whole_leaves_nothing_behind(path, fault, monkeypatch):
    if fault == "unlockable":  # as on a file system without locks
        monkeypatch.setattr(journals, "try_lock", lambda _descriptor: False)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20 if fault == "full" else limits[0], limits[1]))
    try:
        with pytest.raises(StoreError, match=r"No space left|cannot be locked"):
            Journal(path, threading.RLock())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(journals.folder(path).iterdir()) == []


def test_it_belongs_to_its_owner_alone(path, journal):
    file = journals.folder(path) / journal.name
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_it_is_emptied_only_when_all_of_it_is_applied_and_nothing_is_open(path, journal):
    file = journals.folder(path) / journal.name
    start = journal.end
    journal.append(said(1))
    full = file.stat().st_size
    assert journal.empty_if(lambda: False, journal.end) == journal.end
    assert journal.empty_if(lambda: True, start) == start
    assert file.stat().st_size == full

    end = journal.end
    after = journal.empty_if(lambda: True, end)

    assert file.stat().st_size < full
    assert after == journal.end > end  # places in a journal never come twice
    journal.append(said(2))
    assert journal.read(after) == ([said(2)], 0, journal.end)
    assert journal.read(journal.start) == ([said(2)], 0, journal.end)


def test_one_that_somebody_removed_is_made_anew_with_all_it_had(path, journal):
    journal.append(said(1))
    file = journals.folder(path) / journal.name
    file.unlink()
    file.parent.rmdir()

    journal.show_life()
    journal.append(said(2))

    assert journal.read(0)[:2] == ([said(1), said(2)], 0)
    assert b"run-1" in file.read_bytes()
    assert list(dead_journals(path)) == []


@pytest.mark.parametrize("left", [0, 10, "all but the end of the last line"])
def test_one_that_somebody_truncated_goes_on_in_a_new_file_with_what_is_left(path, journal, caplog, left):
    journal.append(said(1))
    read_to = journal.end
    file = journals.folder(path) / journal.name
    os.truncate(file, left if isinstance(left, int) else file.stat().st_size - 10)
    journal.append(said(2, summary="after that"))
    journal.append(said(3))

    journal.show_life()
    journal.append(said(4))

    # What was appended to a line that was cut is lost with it.
    assert journal.read(read_to).records == [said(2, summary="after that"), said(3), said(4)][left != 0 :]
    assert journal.read(journal.read(read_to).end).records == []
    assert file.stat().st_size == journal.end - journal.start
    assert json.loads(file.read_bytes().partition(b"\n")[0])[2:] == list(journal.header)
    assert list(dead_journals(path)) == []
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_place_where_none_can_be_made_is_said_so(path):
    path.parent.mkdir()
    journals.folder(path).parent.write_text("in the way")
    with pytest.raises(StoreError, match="is not a folder"):
        Journal(path, threading.RLock())


def step_of(run_uid, trace_id="cd" * 16):
    """A step of a run, or (None) one that says no run but has a trace."""
    values = dict.fromkeys(StepRecord._fields, 0) | {"run_uid": run_uid, "trace_id": trace_id}
    return SpanRecords(StepRecord(**values), [], [])


@pytest.fixture
def shrinking(monkeypatch):
    """A journal is large from its first byte on."""
    monkeypatch.setattr(journals, "_SHRINK_BYTES", 1)


@pytest.mark.usefixtures("shrinking")
def test_a_large_journal_keeps_the_lines_of_runs_in_which_something_is_open(path, journal):
    file = journals.folder(path) / journal.name
    open_run, open_step, nested = said(1), step_of("run-1"), said(2, parent_run_id="run-1")
    for records in (open_run, open_step, nested, *[step_of("run-2")] * 20):
        journal.append(records)
    end = journal.end

    journal.shrink(end, lambda: [open_run.span, open_step.span])

    assert journal.end == end  # places in a journal never come twice
    assert journal.read(end).records == []
    journal.append(said(3))
    assert journal.read(end).records == [said(3)]
    assert journal.read(journal.start).records == [open_run, open_step, said(3)]
    assert file.stat().st_size == journal.end - journal.start
    assert list(dead_journals(path)) == []  # and it is still locked
    with file.open("rb") as whole:
        assert json.loads(whole.readline())[2:] == list(journal.header)


@pytest.mark.usefixtures("shrinking")
def test_an_open_step_that_says_no_run_keeps_its_trace(journal):
    open_step, of_its_trace = step_of(None), step_of("run-9")
    for records in (open_step, of_its_trace, *[step_of("run-2", "ef" * 16)] * 20):
        journal.append(records)
    journal.shrink(journal.end, lambda: [open_step.span])
    assert journal.read(journal.start).records == [open_step, of_its_trace]


@pytest.mark.usefixtures("shrinking")
def test_an_open_run_keeps_the_steps_of_its_trace_that_say_no_run(journal):
    open_run = said(1)
    for records in (open_run, step_of(None, open_run.span.trace_id), *[step_of(None)] * 20):
        journal.append(records)
    journal.shrink(journal.end, lambda: [open_run.span])
    assert journal.read(journal.start).records == [open_run, step_of(None, open_run.span.trace_id)]


@pytest.mark.usefixtures("shrinking")
@pytest.mark.parametrize("reason", ["not applied", "all is open", "no room"])
def test_a_large_journal_stays_as_it_is(path, journal, reason):
    file = journals.folder(path) / journal.name
    for _ in range(8):
        journal.append(step_of("run-1"))
    if reason == "no room":
        file.with_suffix(".new").touch()
    before = file.read_bytes()
    journal.shrink(journal.end - (reason == "not applied"), lambda: [step_of("run-1").span] if reason == "all is open" else [])
    assert file.read_bytes() == before
    assert len(journal.read(0).records) == 8


def test_a_small_journal_is_not_rewritten(path, journal):
    journal.append(said(1))
    before = (journals.folder(path) / journal.name).stat()
    journal.shrink(journal.end, list)
    assert os.path.samestat((journals.folder(path) / journal.name).stat(), before)


@pytest.mark.usefixtures("shrinking")
def test_what_is_appended_while_it_shrinks_is_kept(journal):
    for _ in range(8):
        journal.append(step_of("run-1"))
    end = journal.end

    def meanwhile():
        journal.append(said(3))
        return []

    journal.shrink(end, meanwhile)
    assert journal.read(end).records == [said(3)]
    assert journal.read(journal.start).records == [said(3)]


def test_shrinking_takes_no_more_memory_than_what_it_keeps(journal, monkeypatch):
    monkeypatch.setattr(journals, "_READ_BYTES", 64 * 1024)
    closed, is_open = said(1, summary="x" * 10_000), said(2)
    for _ in range(900):
        journal.append(closed)
    journal.append(is_open)
    tracemalloc.start()
    try:
        journal.shrink(journal.end, lambda: [is_open.span])
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert journal.read(journal.start).records == [is_open]
    assert most < 1024 * 1024
