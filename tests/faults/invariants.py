"""What must hold whatever happened: one checker for all fault tests.

A fact is something that a pipeline recorded and that its call has returned for. Whoever records notes its facts outside of the
bridge (``worker.py``: one line in a file of its own, after the call), and ``check`` compares them with database and journals.
"""

import fcntl
import json
import os
import sqlite3
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from otel_sqlite import journal as journals
from otel_sqlite.model import LABELS, RunRecord, SpanRecords
from otel_sqlite.store.adopt import bring_up_to_date
from otel_sqlite.store.connection import sidecar

_SHOWN = 5
_BUSY_TIMEOUT_S = 20


class RunStarted(NamedTuple):
    """A run was entered."""

    run_uid: str


class StepEnded(NamedTuple):
    """A step was left."""

    run_uid: str
    step: str
    outcome: str
    created: int
    updated: int
    skipped: int
    failed: int


class ItemFailed(NamedTuple):
    """An item failed in a step that has ended since; while a step is open, its items are at most one tick old."""

    run_uid: str
    step: str
    item_id: str


class RunEnded(NamedTuple):
    """A run was left."""

    run_uid: str
    outcome: str


Fact = RunStarted | StepEnded | ItemFailed | RunEnded
_KINDS = {kind.__name__: kind for kind in (RunStarted, StepEnded, ItemFailed, RunEnded)}


def to_line(fact: Fact) -> str:
    """The fact as a line of an acknowledgement file."""
    return json.dumps([type(fact).__name__, *fact]) + "\n"


def read_facts(file: Path) -> list[Fact]:
    """What an acknowledgement file says; a last line that a kill has cut off was not acknowledged."""
    whole, _, _ = (file.read_text("utf-8") if file.exists() else "").rpartition("\n")
    return [_KINDS[kind](*values) for kind, *values in map(json.loads, whole.splitlines())]


class _ErrorKey(NamedTuple):
    trace_id: str
    span_id: str
    event_ns: int
    nth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """What there is, and what should be.

    Attributes:
        journaled: What the journals say, of the living and the dead.
        connection: The database (an empty one in memory where there is none yet), read after the journals: what left them
            before they were read is in it.
    """

    path: Path
    acknowledged: list[Fact]
    offered: int | None
    journaled: list[SpanRecords]
    connection: sqlite3.Connection

    def ask(self, sql: str, *values: object) -> list[tuple]:
        return self.connection.execute(sql, values).fetchall()


def check(path: Path, *, acknowledged: Iterable[Fact] = (), offered: int | None = None) -> None:
    """Fail with a list of all that is not as it must be.

    Args:
        path: The dashboard database. Call after ``recover`` where a process was killed.
        acknowledged: The facts that must be in the database or in a journal.
        offered: How many item errors were offered in all, where every process lived to count its drops.
    """
    facts = list(acknowledged)
    journaled = _journaled(path)
    with closing(_open(path)) as connection:
        scene = _Scene(path=path, acknowledged=facts, offered=offered, journaled=journaled, connection=connection)
        violations = [f"{rule.__name__[1:]}: {found}" for rule in _RULES for found in rule(scene)]
    assert not violations, f"{path}\n" + "\n".join(violations)


def _the_file_is_sound(scene: _Scene) -> Iterator[str]:
    for pragma in ("integrity_check", "foreign_key_check"):
        found = scene.ask(f"PRAGMA {pragma}")
        if found not in ([], [("ok",)]):
            yield f"{pragma} says {found[:_SHOWN]}"


def _nothing_acknowledged_is_missing(scene: _Scene) -> Iterator[str]:
    missing = set(scene.acknowledged) - _stored(scene).keys() - set(_facts_of(scene.journaled))
    yield from _some(sorted(missing, key=str))


def _nothing_is_there_twice(scene: _Scene) -> Iterator[str]:
    stored = _stored(scene)
    yield from _some([(number, fact) for fact in set(scene.acknowledged) if (number := stored[fact]) > 1])
    keys = {"runs": "run_uid", "run_steps": "trace_id, span_id", "run_errors": "trace_id, span_id, event_ns, nth"}
    for table, key in keys.items():
        yield from _some(
            scene.ask(
                f"SELECT '{table}', {key}, COUNT(*) FROM {table} WHERE trace_id NOT NULL GROUP BY {key} HAVING COUNT(*) > 1"
            )
        )


def _no_ended_state_is_overwritten(scene: _Scene) -> Iterator[str]:
    """A label or another outcome in place of how a run said that it ended; what a journal still holds will set it right."""
    ended = {fact.run_uid: fact.outcome for fact in scene.acknowledged if isinstance(fact, RunEnded)}
    waiting = {fact.run_uid for fact in _facts_of(scene.journaled) if isinstance(fact, RunEnded)}
    rows = scene.ask("SELECT run_uid, outcome, end_reason FROM runs")
    yield from _some([row for row in rows if row[0] in ended.keys() - waiting and row[1] != ended[row[0]]])


def _totals_are_the_sums_of_the_steps(scene: _Scene) -> Iterator[str]:
    wrong = """
    SELECT run_uid, total_created, total_updated, total_skipped, total_failed, step.* FROM runs JOIN (
      SELECT run_id, TOTAL(created_count) AS created, TOTAL(updated_count) AS updated, TOTAL(skipped_count) AS skipped,
             TOTAL(failed_count) AS failed FROM run_steps GROUP BY run_id
    ) AS step ON step.run_id = runs.id
    WHERE run_uid NOT NULL
      AND (total_created, total_updated, total_skipped, total_failed) IS NOT (created, updated, skipped, failed)
    """
    yield from _some(scene.ask(wrong))


def _every_watched_running_row_has_a_held_lease(scene: _Scene) -> Iterator[str]:
    running = "SELECT run_uid, journal FROM runs WHERE outcome = 'running' AND journal NOT NULL AND host = ?"
    suspects = [row for row in scene.ask(running, journals.host()) if not _is_held(journals.folder(scene.path) / row[1])]
    # One that has ended between the two looks had its row ended before it let go of its lease.
    yield from _some(sorted(set(suspects) & set(scene.ask(running, journals.host()))))


def _an_ended_run_says_why(scene: _Scene) -> Iterator[str]:
    yield from _some(
        scene.ask("SELECT run_uid, outcome FROM runs WHERE outcome <> 'running' AND end_reason IS NULL AND run_uid NOT NULL")
    )


def _what_was_offered_is_stored_or_counted(scene: _Scene) -> Iterator[str]:
    if scene.offered is None:
        return
    stored = set(scene.ask("SELECT trace_id, span_id, event_ns, nth FROM run_errors WHERE member_identifier NOT NULL"))
    stored |= {_ErrorKey(*error[:4]) for records in scene.journaled for error in records.errors if error.item_id is not None}
    # What was dropped is counted in item errors, and besides in lines of a journal.
    ((dropped,),) = scene.ask("SELECT COALESCE(SUM(count), 0) FROM run_drops WHERE reason NOT LIKE '%line'")
    if len(stored) + dropped != scene.offered:
        reasons = scene.ask("SELECT reason, SUM(count) FROM run_drops GROUP BY reason")
        yield f"{len(stored)} stored and {dropped} dropped {reasons} of {scene.offered}"


def _only_the_owner_may_read(scene: _Scene) -> Iterator[str]:
    folder = sidecar(scene.path)
    beside = [scene.path.with_name(scene.path.name + suffix) for suffix in ("", "-wal", "-shm")]
    for file in [*beside, folder, *folder.rglob("*")]:
        try:
            found = file.stat().st_mode
        except FileNotFoundError:
            continue
        wanted = 0o700 if stat.S_ISDIR(found) else 0o600
        if stat.S_IMODE(found) != wanted:
            yield f"{file} has mode {stat.S_IMODE(found):o}"


_RULES = (
    _the_file_is_sound,
    _nothing_acknowledged_is_missing,
    _nothing_is_there_twice,
    _no_ended_state_is_overwritten,
    _totals_are_the_sums_of_the_steps,
    _every_watched_running_row_has_a_held_lease,
    _an_ended_run_says_why,
    _what_was_offered_is_stored_or_counted,
    _only_the_owner_may_read,
)


def _open(path: Path) -> sqlite3.Connection:
    if path.exists():
        uri = f"{path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'runs'").fetchone():
            return connection
        connection.close()
    empty = sqlite3.connect(":memory:", isolation_level=None)
    bring_up_to_date(empty, path)
    return empty


def _stored(scene: _Scene) -> Counter[Fact]:
    """What the database says, each as often as it says it. What others say of a dead run is no fact of its own."""
    labels = json.dumps(sorted(LABELS))
    own = "end_reason NOT IN (SELECT value FROM json_each(?))"
    steps = f"""
    SELECT run_uid, step_name, s.outcome, created_count, updated_count, skipped_count, failed_count
    FROM run_steps AS s JOIN runs AS r ON r.id = s.run_id WHERE s.finished_at NOT NULL AND s.{own}
    """
    items = "SELECT run_uid, step_name, member_identifier FROM run_errors AS e JOIN runs AS r ON r.id = e.run_id"
    facts: list[Fact] = [RunStarted(*row) for row in scene.ask("SELECT run_uid FROM runs WHERE span_id NOT NULL")]
    facts += [StepEnded(*row) for row in scene.ask(steps, labels)]
    facts += [ItemFailed(*row) for row in scene.ask(items)]
    facts += [
        RunEnded(*row) for row in scene.ask(f"SELECT run_uid, outcome FROM runs WHERE finished_at NOT NULL AND {own}", labels)
    ]
    return Counter(facts)


def _facts_of(journaled: Iterable[SpanRecords]) -> Iterator[Fact]:
    for span, errors, _ in journaled:
        if isinstance(span, RunRecord):
            yield RunStarted(span.run_uid)
            if span.ended_ns is not None:
                yield RunEnded(span.run_uid, span.outcome)
        else:
            if span.ended_ns is not None:
                yield StepEnded(span.run_uid, span.name, span.outcome, span.created, span.updated, span.skipped, span.failed)
            yield from (ItemFailed(span.run_uid, span.name, error.item_id) for error in errors)


def _journaled(path: Path) -> list[SpanRecords]:
    """Every record of every journal that can be read."""
    return [records for file in journals.folder(path).glob(f"*{journals.SUFFIX}") for records in _records_of(file)]


def _records_of(file: Path) -> Iterator[SpanRecords]:
    try:
        lines = file.read_bytes().splitlines()
    except OSError:  # its owner has just removed it: all of it is in the database
        return
    for line in lines:
        try:
            records = journals.decode(line)
        except ValueError:  # torn
            continue
        if records is not None:
            yield records


def _is_held(file: Path) -> bool:
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _some(found: Iterable[object]) -> Iterator[str]:
    """The first of what was found, one a line, and how many more there are."""
    listed = list(found)
    yield from map(str, listed[:_SHOWN])
    if len(listed) > _SHOWN:
        yield f"and {len(listed) - _SHOWN} more"
