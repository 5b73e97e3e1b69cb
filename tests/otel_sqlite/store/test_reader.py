"""The reader answers truthfully, changes nothing, and reads where nothing can be written."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from otel_sqlite.errors import (
    ForeignDatabaseError,
    NewerDatabaseError,
    NotADatabaseError,
    StoreBusyError,
    StoreError,
    StoreForbiddenError,
    StorePathError,
    StoreReadOnlyError,
)
from otel_sqlite.store import adopt, connection
from otel_sqlite.store.reader import DropRow, ErrorRow, Reader, RunRow, StepRow
from tests.original import SCHEMA

NOBODY = 65_534
ORIGINAL = (
    SCHEMA.format(partial="")
    + """
INSERT INTO runs (id, pipeline, started_at, outcome, total_created)
  VALUES (7, 'people', '2026-02-08T10:00:00.000Z', 'running', NULL);
INSERT INTO run_steps (id, run_id, step_name, started_at, created_count)
  VALUES (8, 7, 'photos', '2026-02-08T10:00:01.000Z', NULL);
INSERT INTO run_errors (id, run_id, step_name, error_message, created_at)
  VALUES (9, 7, 'photos', 'no such photo', '2026-02-08T10:00:02.000Z');
"""
)


def stamp(minute, second=0):
    return f"2026-02-08T10:{minute:02}:{second:02}.000Z"


def run_row(**changes):
    row = {
        "id": 1,
        "run_uid": "run-1",
        "club": "rondo",
        "pipeline": "people",
        "started_at": stamp(0),
        "finished_at": None,
        "duration_ms": None,
        "outcome": "success",
        "created": 0,
        "updated": 0,
        "skipped": 0,
        "failed": 0,
        "end_reason": None,
        "end_evidence": None,
        "parent_run_id": None,
        "trace_id": None,
        "host": None,
        "pid": None,
        "journal": None,
        "last_seen_at": None,
        "open_steps": (),
        "dropped": 0,
    }
    return RunRow(**{**row, **changes})


@pytest.fixture
def write(path):
    """Execute statements on the dashboard database of this test: each with its rows."""

    def execute(sql, *rows):
        database = adopt.dashboard(path)
        with database.transaction(5) as writing:
            writing.executemany(sql, rows)
        database.close()

    return execute


@pytest.fixture
def add_runs(write):
    """Add runs: (pipeline, started_at, outcome, run_uid) each."""

    def add(*rows):
        write("INSERT INTO runs (pipeline, started_at, outcome, run_uid) VALUES (?, ?, ?, ?)", *rows)

    return add


@pytest.fixture
def original(path):
    """A database that the tracker that came before made."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as making:
        making.executescript("PRAGMA journal_mode = WAL;" + ORIGINAL)
    return path


def ids(rows):
    return [row.id for row in rows]


def test_runs_come_newest_first_and_no_more_than_asked(path, add_runs):
    add_runs(
        ("people", stamp(1), "success", "a"),
        ("people", stamp(3), "success", "b"),
        ("nikki", stamp(2), "success", "c"),
        ("nikki", stamp(3), "success", "d"),
    )

    with Reader(path) as reader:
        assert ids(reader.runs()) == [4, 2, 3, 1]
        assert ids(reader.runs(limit=2)) == [4, 2]


def test_a_run_has_all_that_is_stored(path, write):
    write(
        """
        INSERT INTO runs (run_uid, club_slug, pipeline, started_at, finished_at, duration_ms, outcome, total_created,
          total_updated, total_skipped, total_failed, summary_json, trace_id, parent_run_id, end_reason, end_evidence, host,
          pid, journal, last_seen_at)
        VALUES ('u', 'c', 'p', ?, ?, 5, 'partial', 1, 2, 3, 4, '{}', 't', 'parent', 'ok', 'seen', 'h', 6, 'j', ?)
        """,
        (stamp(1), stamp(2), stamp(3)),
    )
    write("INSERT INTO run_drops (run_id, trace_id, span_id, reason, count) VALUES (1, 't', ?, 'full', ?)", ("x", 3), ("y", 4))

    with Reader(path) as reader:
        assert reader.runs() == [
            RunRow(
                id=1,
                run_uid="u",
                club="c",
                pipeline="p",
                started_at=stamp(1),
                finished_at=stamp(2),
                duration_ms=5,
                outcome="partial",
                created=1,
                updated=2,
                skipped=3,
                failed=4,
                end_reason="ok",
                end_evidence="seen",
                parent_run_id="parent",
                trace_id="t",
                host="h",
                pid=6,
                journal="j",
                last_seen_at=stamp(3),
                open_steps=(),
                dropped=7,
            )
        ]
        assert reader.summary(1) == "{}"
        assert reader.summary(2) is None


def test_runs_are_chosen_by_pipeline_and_outcome_across_clubs(path, add_runs, write):
    add_runs(
        ("people", stamp(1), "failure", "a"),
        ("people", stamp(2), "success", "b"),
        ("nikki", stamp(3), "failure", "c"),
        ("people", stamp(4), "failure", "d"),
    )
    write("UPDATE runs SET club_slug = ? WHERE id = ?", ("other", 4), ("another", 3))

    with Reader(path) as reader:
        assert ids(reader.runs(pipeline="people")) == [4, 2, 1]
        assert ids(reader.runs(pipeline="people", limit=1)) == [4]
        assert ids(reader.runs(outcome="failure")) == [4, 3, 1]
        assert ids(reader.runs(pipeline="people", outcome="failure")) == [4, 1]
        assert ids(reader.runs(pipeline="people", outcome="failure", limit=1)) == [4]
        assert reader.runs(pipeline="unknown") == []


def test_a_running_run_names_the_steps_it_is_in(path, add_runs, write):
    add_runs(("people", stamp(1), "running", "a"), ("people", stamp(2), "failure", "b"))
    write(
        "INSERT INTO run_steps (run_id, step_name, started_at, finished_at) VALUES (?, ?, ?, ?)",
        (1, "done", stamp(1), stamp(2)),
        (1, 'first "open"', stamp(1), None),
        (1, "second, open", stamp(1), None),
        (2, "left open", stamp(1), None),
    )

    with Reader(path) as reader:
        assert [row.open_steps for row in reader.runs()] == [(), ('first "open"', "second, open")]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("latest", [3]),
        ("people", [3]),
        ("abc", [1]),
        ("abcd", [2]),
        ("abcde", [2]),
        ("2", [2]),
        ("123x", [3]),
        ("ab", [1, 2]),
        ("12", []),
        ("", []),
        ("4", []),
        ("x", []),
        ("1' OR 1", []),
        ("9" * 5_000, []),
        ("²", []),
    ],
)
def test_a_run_is_found_by_latest_run_id_row_id_pipeline_or_the_beginning_of_its_run_id(path, add_runs, name, found):
    add_runs(
        ("people", stamp(1), "success", "abc"),
        ("people", stamp(2), "success", "abcdef"),
        ("people", stamp(3), "success", "123xyz"),
    )

    with Reader(path) as reader:
        assert sorted(ids(reader.find(name))) == found


def test_a_run_id_goes_before_a_row_id_that_looks_the_same(path, add_runs):
    add_runs(("people", stamp(1), "success", "2"), ("people", stamp(2), "success", "b"))

    with Reader(path) as reader:
        assert ids(reader.find("2")) == [1]


def test_a_run_by_its_run_id_is_found_by_nothing_else(path, add_runs):
    add_runs(("people", stamp(1), "success", "abcdef"))

    with Reader(path) as reader:
        assert [reader.run(name) and reader.run(name).id for name in ("abcdef", "abc", "1", "people", "latest")] == [
            1,
            None,
            None,
            None,
            None,
        ]


def test_there_is_no_latest_run_in_an_empty_database(path, write):
    write("DELETE FROM runs WHERE id = ?")

    with Reader(path) as reader:
        assert reader.find("latest") == []


def test_children_are_the_runs_that_a_run_started_in_their_order(path, add_runs, write):
    add_runs(*(("people", stamp(minute), "success", f"run-{minute}") for minute in range(4)))
    write("UPDATE runs SET parent_run_id = 'run-0' WHERE id = ?", (3,), (2,))

    with Reader(path) as reader:
        assert ids(reader.children("run-0")) == [2, 3]
        assert reader.children("run-1") == []


def test_steps_come_in_the_order_of_their_start(path, add_runs, write):
    add_runs(("people", stamp(1), "success", "a"), ("people", stamp(1), "success", "b"))
    write(
        """
        INSERT INTO run_steps (run_id, step_name, started_at, finished_at, duration_ms, outcome, created_count, updated_count,
          skipped_count, failed_count, detail_json, end_reason, skip_reason) VALUES (?, ?, ?, ?, ?, ?, 1, 2, 3, 4, '{}', ?, ?)
        """,
        (1, "second", stamp(2), stamp(3), 60_000, "failure", "exception", None),
        (1, "first", stamp(1), None, None, None, None, "none to do"),
        (2, "of another run", stamp(1), None, None, None, None, None),
    )
    counts = {"created": 1, "updated": 2, "skipped": 3, "failed": 4, "detail_json": "{}"}

    with Reader(path) as reader:
        assert reader.steps(1) == [
            StepRow(
                id=2,
                name="first",
                started_at=stamp(1),
                finished_at=None,
                duration_ms=None,
                outcome=None,
                end_reason=None,
                skip_reason="none to do",
                **counts,
            ),
            StepRow(
                id=1,
                name="second",
                started_at=stamp(2),
                finished_at=stamp(3),
                duration_ms=60_000,
                outcome="failure",
                end_reason="exception",
                skip_reason=None,
                **counts,
            ),
        ]


@pytest.fixture
def errors(add_runs, write):
    """Five errors of two runs."""
    add_runs(("people", stamp(1), "partial", "a"), ("nikki", stamp(2), "partial", "b"))
    write(
        """
        INSERT INTO run_errors (run_id, step_name, member_identifier, error_message, error_stack, error_type, created_at)
        VALUES (?, 'submit', ?, ?, 'stack', 'ValueError', ?)
        """,
        (1, "ABC", "one", stamp(1)),
        (2, "ABC", "two", stamp(5)),
        (1, "DEF", "three", stamp(3)),
        (1, None, "four", stamp(4)),
        (2, None, "five", stamp(4)),
    )


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, [2, 5, 4, 3, 1]),
        ({"limit": 2}, [2, 5]),
        ({"run_id": 1}, [1, 3, 4]),
        ({"run_id": 1, "limit": 2}, [1, 3]),
        ({"pipeline": "nikki"}, [2, 5]),
        ({"item": "ABC"}, [2, 1]),
        ({"since": stamp(4)}, [2, 5, 4]),
        ({"pipeline": "people", "item": "ABC", "since": stamp(1), "run_id": 1, "limit": 9}, [1]),
        ({"item": "abc"}, []),
        ({"run_id": 3}, []),
    ],
)
@pytest.mark.usefixtures("errors")
def test_errors_come_newest_first_but_those_of_one_run_as_they_happened(path, filters, found):
    with Reader(path) as reader:
        assert ids(reader.errors(**filters)) == found


@pytest.mark.usefixtures("errors")
def test_an_error_has_all_that_is_stored_and_says_whose_it_is(path):
    with Reader(path) as reader:
        assert reader.errors(limit=1) == [
            ErrorRow(
                id=2,
                run_id=2,
                run_uid="b",
                club="rondo",
                pipeline="nikki",
                step="submit",
                item_id="ABC",
                error_type="ValueError",
                message="two",
                stack="stack",
                created_at=stamp(5),
            )
        ]
        assert (reader.count_errors(1), reader.count_errors(2), reader.count_errors(3)) == (3, 2, 0)


def test_drops_are_summed_by_reason_and_those_of_unknown_runs_stand_apart(path, add_runs, write):
    add_runs(("people", stamp(1), "success", "a"))
    write(
        "INSERT INTO run_drops (run_id, trace_id, span_id, reason, count) VALUES (?, 't', ?, ?, ?)",
        (1, "s1", "item_error_limit", 800),
        (1, "s2", "item_error_limit", 72),
        (1, "s1", "disk_full", 1),
        (None, "s3", "unreadable", 2),
    )

    with Reader(path) as reader:
        assert reader.drops(1) == [DropRow(reason="disk_full", dropped=1), DropRow(reason="item_error_limit", dropped=872)]
        assert reader.drops(None) == [DropRow(reason="unreadable", dropped=2)]
        assert reader.drops(2) == []


def test_the_answers_cost_the_same_with_fifty_times_as_many_runs(path, add_runs, write):
    def fill(start, end):
        pipelines = ("people", "nikki", "teams")
        add_runs(*((pipelines[n % 3], f"2026-01-01T{n:06}", "success", f"{n:08}") for n in range(start, end)))
        columns = "run_id, step_name, error_message, created_at, member_identifier, pipeline"
        error = f"INSERT INTO run_errors ({columns}) VALUES (?, 's', 'm', ?, ?, ?)"
        write(error, *((n + 1, f"2026-01-01T{n:06}", f"item-{n % 20}", pipelines[n % 3]) for n in range(start, end)))

    fill(0, 100)
    before = _costs(path)
    fill(100, 5_000)

    assert {name: cost for name, cost in _costs(path).items() if cost > 1.5 * before[name]} == {}


def _costs(path):
    """How many instructions SQLite runs for each question, in tens."""
    questions = {
        "runs": lambda reader: reader.runs(limit=5),
        "runs of a pipeline": lambda reader: reader.runs(pipeline="nikki", limit=5),
        "runs with an outcome that none has": lambda reader: reader.runs(outcome="failure", limit=5),
        "runs of a pipeline with such an outcome": lambda reader: reader.runs(pipeline="nikki", outcome="failure", limit=5),
        "runs of no pipeline": lambda reader: reader.runs(pipeline="nobody", limit=5),
        "latest": lambda reader: reader.find("latest"),
        "a run": lambda reader: reader.find("00000050"),
        "an ambiguous run": lambda reader: reader.find("0000"),
        "errors": lambda reader: reader.errors(limit=5),
        "errors of a run": lambda reader: reader.errors(run_id=50),
        "errors of an item": lambda reader: reader.errors(item="item-3", limit=5),
        "errors of a pipeline": lambda reader: reader.errors(pipeline="nikki", limit=5),
        "errors of no pipeline": lambda reader: reader.errors(pipeline="nobody", limit=5),
        "errors since": lambda reader: reader.errors(since="2026-01-01T000050", limit=5),
        "steps": lambda reader: reader.steps(50),
        "drops": lambda reader: reader.drops(50),
    }
    costs = dict.fromkeys(questions, 0)
    with Reader(path) as reader:
        for name, ask in questions.items():

            def count(name=name):
                costs[name] += 1

            reader._connection.set_progress_handler(count, 10)
            ask(reader)
            reader._connection.set_progress_handler(None, 0)
    return costs


def test_a_name_with_half_a_character_is_read(path, write):
    write("INSERT INTO runs (pipeline, started_at, outcome) VALUES (CAST(x'70C3' AS TEXT), ?, 'success')", (stamp(1),))

    with Reader(path) as reader:
        assert reader.runs()[0].pipeline == "p\ufffd"


def test_a_database_of_the_original_is_read_and_left_as_it_is(original):
    before = original.read_bytes()

    with Reader(original) as reader:
        assert not reader.is_current
        assert reader.runs() == [run_row(id=7, run_uid=None, outcome="running", open_steps=("photos",))]
        assert [(step.name, step.outcome, step.created) for step in reader.steps(7)] == [("photos", None, 0)]
        assert [(error.step, error.message) for error in reader.errors(run_id=7)] == [("photos", "no such photo")]
        assert reader.drops(7) == []

    assert original.read_bytes() == before


def test_rows_of_the_original_in_an_adopted_database_have_nothing_of_ours(original):
    with adopt.dashboard(original).transaction(5):
        pass

    with Reader(original) as reader:
        assert reader.is_current
        assert reader.find("7") == [run_row(id=7, run_uid=None, outcome="running", open_steps=("photos",))]


def test_an_empty_file_has_no_runs(path):
    path.parent.mkdir()
    path.touch()

    with Reader(path) as reader:
        assert not reader.is_current
        assert reader.runs() == []

    assert path.stat().st_size == 0


def test_nothing_is_written_through_a_reader(path, add_runs):
    add_runs(("people", stamp(1), "success", "a"))

    with Reader(path) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection.execute("DELETE FROM runs")


def test_a_reader_sees_what_is_written_after_it_was_opened(path, add_runs):
    add_runs(("people", stamp(1), "success", "a"))

    with Reader(path) as reader:
        add_runs(("people", stamp(2), "success", "b"))
        assert ids(reader.runs()) == [2, 1]


def test_a_missing_file_is_said_and_not_created(path):
    with pytest.raises(StoreError) as raised:
        Reader(path)

    assert str(raised.value) == (
        f"dashboard database {path} is not there: run a pipeline, or say where it is: OTEL_SQLITE_PATH or --path"
    )
    assert not path.parent.exists()


def _a_directory(path):
    path.mkdir(parents=True)


def _below_a_file(path):
    path.parent.touch()


def _no_database(path):
    path.parent.mkdir()
    path.write_text("not a database at all, but long enough to be taken for one" * 20)


def _foreign(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as making:
        making.execute("CREATE TABLE contacts (name)")


def _newer(path):
    with adopt.dashboard(path).transaction(5) as making:
        making.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (_a_directory, StorePathError),
        (_below_a_file, StorePathError),
        (_no_database, NotADatabaseError),
        (_foreign, ForeignDatabaseError),
        (_newer, NewerDatabaseError),
    ],
)
def test_what_is_no_dashboard_of_ours_is_refused_with_its_reason(path, make, kind):
    make(path)

    with pytest.raises(StoreError) as raised:
        Reader(path)

    assert type(raised.value) is kind


def test_a_damaged_database_is_refused_when_the_damage_is_met(path, add_runs):
    add_runs(*(("people", stamp(1), "success", f"{n:0500}") for n in range(1_000)))
    healthy = path.read_bytes()
    path.write_bytes(healthy[: len(healthy) // 2] + b"\xff" * (len(healthy) // 2))

    with Reader(path) as reader, pytest.raises(NotADatabaseError):
        reader.runs(limit=1_000)


def test_a_database_that_somebody_holds_is_busy(path, add_runs, monkeypatch):
    monkeypatch.setattr("otel_sqlite.store.reader._BUSY_TIMEOUT_MS", 1)
    add_runs(("people", stamp(1), "success", "a"))
    with closing(sqlite3.connect(path, isolation_level=None)) as holding:
        holding.execute("PRAGMA journal_mode = DELETE")
        holding.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusyError):
            Reader(path)


@pytest.mark.parametrize("closed", ["file", "folder"])
def test_who_may_not_read_a_database_is_told_to_ask_as_its_owner(path, add_runs, in_child, forbid_writing, closed):
    add_runs(("people", stamp(1), "success", "a"))
    forbid_writing(path)
    (path if closed == "file" else path.parent).chmod(0o000)

    def ask():
        try:
            Reader(path)
        except StoreForbiddenError as error:
            return str(error)

    assert eval(in_child(ask, user=65534)) == (
        f"dashboard database {path} is closed to this user: "
        "be the user that owns it ('otel-sqlite doctor' says who), or set OTEL_SQLITE_PATH to another place"
    )
    path.parent.chmod(0o700)


def test_a_folder_without_right_to_write_is_read(path, add_runs, in_child, forbid_writing):
    add_runs(("people", stamp(1), "success", "a"))
    forbid_writing(path)

    assert in_child(lambda: _names(path), user=NOBODY) == "['a']"
    assert sorted(file.name for file in path.parent.iterdir() if file.is_file()) == [path.name]


def test_a_folder_without_right_to_write_is_read_while_others_write(path, add_runs, in_child, forbid_writing):
    add_runs(("people", stamp(1), "success", "a"))
    with closing(sqlite3.connect(path, isolation_level=None)) as writing:
        writing.execute("UPDATE runs SET run_uid = 'b'")
        forbid_writing(path)

        assert in_child(lambda: _names(path), user=NOBODY) == "['b']"


def test_what_a_dead_writer_left_in_a_folder_without_right_to_write_is_missed_aloud(
    path, add_runs, tmp_path, in_child, forbid_writing
):
    add_runs(("people", stamp(1), "success", "a"))
    copy = tmp_path / "copy" / path.name
    copy.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as writing:
        writing.execute("UPDATE runs SET run_uid = 'b'")
        shutil.copy(path, copy)
        shutil.copy(f"{path}-wal", f"{copy}-wal")
    forbid_writing(copy)

    assert in_child(lambda: _kind_of_refusal(copy), user=NOBODY) == repr(StoreReadOnlyError.__name__)


def test_a_full_disk_is_read_without_a_file_beside_the_database(path, add_runs, monkeypatch):
    add_runs(("people", stamp(1), "success", "a"))
    monkeypatch.setattr(connection, "MIN_FREE_BYTES", 2**63)

    with Reader(path) as reader:
        assert ids(reader.runs()) == [1]
        assert not path.with_name(path.name + "-shm").exists()


def _names(path):
    with Reader(path) as reader:
        return [row.run_uid for row in reader.runs()]


def _kind_of_refusal(path):
    try:
        Reader(path)
    except StoreError as error:
        return type(error).__name__
    return None
