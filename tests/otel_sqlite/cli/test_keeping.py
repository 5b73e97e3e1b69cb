"""prune and forget: what is kept, and what is gone from every file."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from otel_sqlite import ItemError, run
from otel_sqlite.cli import main
from otel_sqlite.store.adopt import dashboard

PERSON = "CANARY7X"
ADDRESS = "canary@example.org"
LIVE = """
import sys
from otel_sqlite import ItemError, configure, run
configure(sys.argv[1])
with run("people") as r, r.step("submit") as s:
    s.item_error(ItemError("CANARY7X", "bad"))
    sys.stdin.readline()
    print("open", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def call(path):
    """Call the command with these arguments on the database of this test."""

    def invoke(*arguments):
        return CliRunner().invoke(main, [*arguments, "--path", str(path)])

    return invoke


@pytest.fixture
def old_and_new(path):
    """A run of a year ago with an error, and one of now."""
    with closing(dashboard(path)) as database, database.transaction(5) as connection:
        for run_id, age in ((1, "-401 days"), (2, "-91 days"), (3, "-1 days")):
            at = f"strftime('%Y-%m-%dT%H:%M:%S.000Z', 'now', '{age}')"
            connection.execute(
                f"INSERT INTO runs (id, pipeline, started_at, outcome) VALUES (?, 'people', {at}, 'success')", (run_id,)
            )
            connection.execute(f"INSERT INTO run_steps (run_id, step_name, started_at) VALUES (?, 's', {at})", (run_id,))
            error = f"INSERT INTO run_errors (run_id, step_name, error_message, created_at) VALUES (?, 's', 'm', {at})"
            connection.execute(error, (run_id,))


@pytest.mark.usefixtures("old_and_new")
@pytest.mark.parametrize(
    ("arguments", "deleted"),
    [
        ([], {"runs": 1, "steps": 1, "errors": 2}),
        (["--days", "30"], {"runs": 2, "steps": 2, "errors": 2}),
        (["--error-days", "500"], {"runs": 1, "steps": 1, "errors": 1}),
    ],
)
def test_prune_deletes_what_is_too_old_and_a_dry_run_says_so_before(call, read, arguments, deleted):
    foretold = call("prune", "--dry-run", "--json", *arguments)
    assert (foretold.exit_code, json.loads(foretold.stdout)) == (
        0,
        {**deleted, "drops": 0, "bytes": 0, "free_bytes": 0, "dry_run": True},
    )
    assert read("SELECT COUNT(*) FROM runs") == [(3,)]

    result = call("prune", "--json", *arguments)

    assert (result.exit_code, json.loads(result.stdout)) == (
        0,
        {**deleted, "drops": 0, "bytes": 0, "free_bytes": 0, "dry_run": False},
    )
    assert read("SELECT COUNT(*) FROM runs") == [(3 - deleted["runs"],)]


@pytest.mark.usefixtures("old_and_new")
def test_the_age_comes_from_the_setting_and_the_answer_in_words(call, monkeypatch):
    monkeypatch.setenv("OTEL_SQLITE_RETENTION_DAYS", "30")
    results = [call("prune", "--dry-run"), call("prune"), call("prune", "--vacuum")]
    space = "given back to the disk: 0.0 MiB; free inside the file: 0.0 MiB\n"
    assert [result.stdout for result in results] == [
        "would be deleted: 2 runs, 2 steps, 2 error rows\n" + space,
        "deleted: 2 runs, 2 steps, 2 error rows\n" + space,
        "deleted: 0 runs, 0 steps, 0 error rows\n" + space,
    ]


@pytest.mark.usefixtures("old_and_new")
def test_prune_says_how_far_it_is(call, monkeypatch):
    monkeypatch.setattr("otel_sqlite.cli.keeping._PROGRESS_S", 0)
    assert call("prune").stderr.splitlines()[-1] == "otel-sqlite: deleted so far: 1 runs, 1 steps, 2 error rows"


def test_a_file_that_was_made_without_shrinks_when_asked(call, path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")  # a file that has had a table keeps what it was made with
        connection.execute("INSERT INTO t VALUES (zeroblob(1000000))")
        connection.commit()
        connection.execute("DROP TABLE t")
    call("init")

    results = [json.loads(call("prune", "--json", *arguments).stdout) for arguments in ([], ["--vacuum"])]

    assert results[0]["bytes"] == 0
    assert results[0]["free_bytes"] > 800_000
    assert results[1]["bytes"] == results[0]["free_bytes"]
    assert results[1]["free_bytes"] == 0


@pytest.mark.parametrize("command", [["prune"], ["forget", "--item", "X"]])
def test_a_missing_database_is_said_and_not_made(call, path, command):
    result = call(*command)
    assert (result.exit_code, path.exists()) == (2, False)
    assert "is not there" in result.stderr


# ------------------------------------------------------------------------------------------------ forget


def mentions(path, *needles):
    """Every file beside the database that has one of these, in any case of letters."""
    files = [file for file in Path(path).parent.rglob("*") if file.is_file()]
    return sorted(
        str(file.relative_to(path.parent)) for file in files if any(needle in file.read_bytes().lower() for needle in needles)
    )


CANARY = (b"canary",)


@pytest.fixture
def known_everywhere(path, tracked, read):
    """A person who stands in error rows, texts, JSON, free pages and the WAL."""
    with tracked() as provider, run("people", tracer_provider=provider) as r:
        with r.step("submit") as step:
            step.item_error(ItemError(PERSON, f"Email: {ADDRESS} is invalid", f"stack of {PERSON}"))
            step.item_error(ItemError(f"{PERSON}/photo", "no photo"))
            step.item_error(ItemError("ABCD12X", f"is the parent of canary7x\n{PERSON}: https://club/canary%40example.org"))
            step.item_error(ItemError("OTHER", "XCANARY7X, CANARY7XY are nobody"))
            step.detail({"line\n": f"first\n{PERSON}", "of": {ADDRESS: [7, PERSON]}})
        with r.step("photos") as step:
            step.skip(f"{PERSON} has none")
        r.summarize({"total": 3, "missing": [PERSON]})
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("CREATE TABLE scratch (x)")
        connection.executemany("INSERT INTO scratch VALUES (?)", [(f"{PERSON} {'x' * 3_000}",)] * 50)
        connection.commit()
        connection.execute("DROP TABLE scratch")
        connection.commit()
    assert mentions(path, *CANARY) == ["dashboard.sqlite"]


@pytest.mark.usefixtures("known_everywhere")
def test_forget_removes_a_person_from_every_file_and_says_what_it_did(call, path, read):
    result = call("forget", "--item", PERSON, "--item", ADDRESS, "--json")

    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == {
        "errors": 1,
        "masked": {"errors": 2, "steps": 2, "runs": 1},
        "journals": 0,
        "held": [],
    }
    assert read("SELECT member_identifier, error_message, error_stack FROM run_errors ORDER BY id") == [
        ("[forgotten]/photo", "no photo", None),
        ("ABCD12X", "is the parent of [forgotten]\n[forgotten]: https://club/[forgotten]", None),
        ("OTHER", "XCANARY7X, CANARY7XY are nobody", None),
    ]
    assert read("SELECT detail_json, skip_reason, failed_count FROM run_steps ORDER BY id") == [
        ('{"line\\n":"first\\n[forgotten]","of":{"[forgotten]":[7,"[forgotten]"]}}', None, 4),
        (None, "[forgotten] has none", 0),
    ]
    assert read("SELECT summary_json FROM runs") == [('{"total":3,"missing":["[forgotten]"]}',)]
    assert mentions(path, b"canary7x ", b"canary@", b"canary%40") == []

    again = call("forget", "--item", PERSON, "--item", ADDRESS)
    assert (again.exit_code, again.stdout) == (0, "error rows deleted: 0\nmasked in: 0 errors, 0 steps, 0 runs\n")


@pytest.mark.usefixtures("known_everywhere")
def test_only_whole_words_are_masked_and_short_items_only_as_item_ids(call, read):
    results = [json.loads(call("forget", "--item", item, "--json").stdout) for item in ("CANARY", "is", "7")]
    assert [(result["errors"], sum(result["masked"].values())) for result in results] == [(0, 3), (0, 0), (0, 0)]
    assert read("SELECT error_message FROM run_errors WHERE member_identifier = 'OTHER'") == [
        ("XCANARY7X, CANARY7XY are nobody",)
    ]


def test_the_journals_of_the_dead_are_recorded_first_and_gone(call, path, read):
    with subprocess.Popen([sys.executable, "-c", LIVE, str(path)], stdin=subprocess.PIPE) as dying:
        dying.stdin.write(b"\n")
        dying.stdin.flush()
        while PERSON.encode() not in b"".join(file.read_bytes() for file in path.parent.rglob("*.jsonl")):
            pass
        dying.kill()

    result = call("forget", "--item", PERSON)

    assert (result.exit_code, result.stderr) == (0, "")
    assert read("SELECT outcome, total_failed FROM runs") == [("failure", 1)]
    assert mentions(path, *CANARY) == []


def test_live_processes_that_still_hold_it_are_named(call, path, read):
    with subprocess.Popen([sys.executable, "-c", LIVE, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as living:
        living.stdin.write(b"\n")
        living.stdin.flush()
        while PERSON.encode() not in b"".join(file.read_bytes() for file in path.parent.rglob("*.jsonl")):
            pass

        results = [call("forget", "--item", PERSON), call("forget", "--item", PERSON, "--json")]
        (journal,) = path.parent.rglob("*.jsonl")

        assert [result.exit_code for result in results] == [1, 1]
        assert results[0].stderr == (
            f"otel-sqlite: still in the journal of process {living.pid} (people): run this again when it has ended\n"
        )
        assert json.loads(results[1].stdout)["held"] == [{"file": str(journal), "pid": living.pid, "pipelines": ["people"]}]
        living.communicate(b"\n")

    assert call("forget", "--item", PERSON).exit_code == 0
    assert mentions(path, *CANARY) == []


def test_what_somebody_moved_aside_is_named(call, path):
    call("init")
    aside = path.with_name(path.name + ".broken")
    aside.write_bytes(b"x" * 5_000_000 + b"... Canary7x ...")

    result = call("forget", "--item", PERSON)

    assert result.exit_code == 1
    assert result.stderr == f"otel-sqlite: still in {aside}: delete it if nobody needs it, or run this again later\n"


@pytest.mark.usefixtures("known_everywhere")
def test_a_reader_who_looks_at_what_was_before_is_trouble(call, path, monkeypatch):
    monkeypatch.setattr("otel_sqlite.cli.keeping._WRITE_TIMEOUT_S", 0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as looking:
        looking.execute("BEGIN")
        looking.execute("SELECT * FROM runs").fetchall()
        result = call("forget", "--item", PERSON)
    assert result.exit_code == 1
    assert result.stderr == f"otel-sqlite: still in {path}-wal: delete it if nobody needs it, or run this again later\n"


def test_an_empty_item_is_a_usage_error(call):
    assert call("forget", "--item", "").exit_code == 2
