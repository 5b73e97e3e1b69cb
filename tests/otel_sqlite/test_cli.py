"""The command answers truthfully, in words and in JSON, and its exit code says whether there is trouble."""

import errno
import fcntl
import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from otel_sqlite import instrument, run
from otel_sqlite.cli import examining, looking, main
from otel_sqlite.journal import host
from otel_sqlite.store import adopt, connection
from tests.original import SCHEMA

NOBODY = 65_534
PROGRAM = "from otel_sqlite.cli import main; main()"
ORIGINAL = (
    SCHEMA.format(partial="")
    + """
INSERT INTO runs (id, pipeline, started_at, outcome) VALUES (7, 'people', '2026-02-08T10:00:00.000Z', 'success');
"""
)


@pytest.fixture(autouse=True)
def _amsterdam(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Amsterdam")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def call(path, monkeypatch):
    """Call the command with these arguments on the database of this test; it has the time that it takes to look for the dead."""
    monkeypatch.setattr("otel_sqlite.cli.frame._REFRESH_TIMEOUT_S", 60.0)

    def invoke(*arguments):
        return CliRunner().invoke(main, [*arguments, "--path", str(path)])

    return invoke


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
def add(write):
    """Add a row to a table, with these values."""

    def insert(table, **values):
        names = ", ".join(values)
        write(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(values))})", tuple(values.values()))

    return insert


@pytest.fixture
def story(add):
    """A partial run of people that started nikki, which failed."""
    add(
        "runs",
        run_uid="5f3a9c",
        pipeline="people",
        started_at="2026-02-08T10:00:00.000Z",
        finished_at="2026-02-08T10:02:30.400Z",
        duration_ms=150_400,
        outcome="partial",
        total_created=12,
        total_updated=3,
        total_skipped=1042,
        total_failed=2,
        summary_json='{"total": 1059}',
        trace_id="ab" * 16,
        end_reason="ok",
        host="club",
        pid=4711,
    )
    add(
        "runs",
        run_uid="77aa",
        pipeline="nikki",
        started_at="2026-07-08T10:00:00.000Z",
        finished_at="2026-07-08T10:00:00.040Z",
        duration_ms=40,
        outcome="failure",
        parent_run_id="5f3a9c",
        end_reason="process_died",
        end_evidence="process 12 is gone",
    )
    add(
        "run_steps",
        run_id=1,
        step_name="laposta-submit",
        started_at="2026-02-08T10:00:01.000Z",
        finished_at="2026-02-08T10:00:46.000Z",
        duration_ms=45_000,
        outcome="partial",
        created_count=12,
        updated_count=3,
        skipped_count=1042,
        failed_count=2,
        detail_json='{"list": "a"}',
    )
    add(
        "run_steps",
        run_id=1,
        step_name="reverse-sync",
        started_at="2026-02-08T10:01:00.000Z",
        finished_at="2026-02-08T10:01:00.400Z",
        duration_ms=400,
        outcome="skipped",
        skip_reason="nothing pending",
        detail_json="{cut",
    )
    error = {"run_id": 1, "run_step_id": 1, "step_name": "laposta-submit", "error_stack": "Traceback"}
    add("run_errors", **error, member_identifier="ABC", error_message="refused", created_at="2026-02-08T10:00:02.000Z")
    add(
        "run_errors",
        **error,
        error_type="pipelines.errors.ApiError",
        error_message="400",
        created_at="2026-02-08T10:00:03.000Z",
    )
    for span, number in enumerate((800, 72)):
        add("run_drops", run_id=1, trace_id="ab" * 16, span_id=str(span), reason="item_error_limit", count=number)


PEOPLE = {
    "id": 1,
    "run_uid": "5f3a9c",
    "club": "rondo",
    "pipeline": "people",
    "started_at": "2026-02-08T10:00:00.000Z",
    "finished_at": "2026-02-08T10:02:30.400Z",
    "duration_ms": 150_400,
    "outcome": "partial",
    "created": 12,
    "updated": 3,
    "skipped": 1042,
    "failed": 2,
    "end_reason": "ok",
    "end_evidence": None,
    "parent_run_id": None,
    "trace_id": "ab" * 16,
    "host": "club",
    "pid": 4711,
    "journal": None,
    "last_seen_at": None,
    "recovered": None,
    "open_steps": [],
    "dropped": 872,
}
NIKKI = {
    **PEOPLE,
    "id": 2,
    "run_uid": "77aa",
    "pipeline": "nikki",
    "started_at": "2026-07-08T10:00:00.000Z",
    "finished_at": "2026-07-08T10:00:00.040Z",
    "duration_ms": 40,
    "outcome": "failure",
    "created": 0,
    "updated": 0,
    "skipped": 0,
    "failed": 0,
    "end_reason": "process_died",
    "end_evidence": "process 12 is gone",
    "parent_run_id": "5f3a9c",
    "trace_id": None,
    "host": None,
    "pid": None,
    "dropped": 0,
}
ERRORS = [
    {
        "id": 1,
        "run_id": 1,
        "run_uid": "5f3a9c",
        "club": "rondo",
        "pipeline": "people",
        "step": "laposta-submit",
        "item_id": "ABC",
        "error_type": None,
        "message": "refused",
        "stack": "Traceback",
        "created_at": "2026-02-08T10:00:02.000Z",
    },
    {
        "id": 2,
        "run_id": 1,
        "run_uid": "5f3a9c",
        "club": "rondo",
        "pipeline": "people",
        "step": "laposta-submit",
        "item_id": None,
        "error_type": "pipelines.errors.ApiError",
        "message": "400",
        "stack": "Traceback",
        "created_at": "2026-02-08T10:00:03.000Z",
    },
]


# ------------------------------------------------------------------------------------------------ runs


@pytest.mark.usefixtures("story")
def test_runs_are_a_table_in_local_time_that_names_its_zone_once(call):
    result = call("runs")

    assert (result.stdout, result.stderr) == (
        (
            "run pipeline started (CEST/CET)   took outcome new upd skip fail note\n"
            "  2 nikki    2026-07-08 12:00     0.0s failure   0   0    0    0 process_died\n"
            "  1 people   2026-02-08 11:00   2m 30s partial  12   3 1042    2 872 not recorded\n"
        ),
        "",
    )


def test_show_says_what_became_of_the_item_errors(call, tracked, monkeypatch):
    monkeypatch.setattr(instrument, "KEPT_ITEM_ERRORS", 3)
    with tracked() as provider, run("people", tracer_provider=provider) as r, r.step("submit") as step:
        for _ in range(5):
            step.item_error(ValueError("bad"))
    assert "  item errors 5 offered, 3 stored, 2 dropped\n" in call("show", "latest").stdout
    ledger = json.loads(call("show", "latest", "--json").stdout)["ledger"]
    assert ledger == {"offered": 5, "stored": 3, "dropped": 2, "missing": 0}


def test_show_says_what_is_not_there_any_more(call, tracked, write):
    with tracked() as provider, run("people", tracer_provider=provider) as r, r.step("submit") as step:
        step.item_error(ValueError("bad"))
    write("DELETE FROM run_errors WHERE id > ?", (0,))
    assert "  item errors 1 offered, 0 stored, 0 dropped, 1 deleted since, or not applied yet\n" in call("show", "latest").stdout


@pytest.mark.usefixtures("story")
def test_runs_as_json_have_every_column_as_stored(call):
    assert json.loads(call("runs", "--json").stdout) == {"runs": [NIKKI, PEOPLE]}


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--pipeline", "people"], [1]),
        (["--outcome", "failure"], [2]),
        (["--limit", "1"], [2]),
        (["--pipeline", "people", "--outcome", "success"], []),
    ],
)
@pytest.mark.usefixtures("story")
def test_runs_are_chosen_by_pipeline_outcome_and_number(call, arguments, found):
    assert [row["id"] for row in json.loads(call("runs", "--json", *arguments).stdout)["runs"]] == found


def test_an_empty_database_has_no_runs_no_errors_and_no_trouble(call):
    call("init")

    assert [
        (r.exit_code, r.stdout) for r in (call("runs"), call("runs", "--json"), call("errors"), call("errors", "--json"))
    ] == [
        (0, "no runs\n"),
        (0, '{\n  "runs": []\n}\n'),
        (0, "no errors\n"),
        (0, '{\n  "errors": []\n}\n'),
    ]


@pytest.mark.parametrize(
    ("outcomes", "exit_code"),
    [
        (["success"], 0),
        (["failure"], 1),
        (["partial"], 1),
        (["failure", "success"], 0),
        (["success", "partial"], 1),
        (["failure", "running"], 1),
        (["success", "running"], 0),
        ([None], 0),
    ],
)
def test_runs_finds_trouble_when_the_newest_ended_run_of_a_pipeline_is_not_a_success(call, add, outcomes, exit_code):
    now = datetime.now(UTC)
    add("runs", pipeline="other", started_at=_stamp(now), outcome="success")
    for age, outcome in enumerate(reversed(outcomes)):
        add("runs", pipeline="people", started_at=_stamp(now - timedelta(hours=age)), outcome=outcome)

    assert call("runs").exit_code == exit_code


def _stamp(moment):
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


def test_a_running_run_shows_its_step_and_for_how_long_it_runs(call, tracked):
    with tracked() as provider, run("people", tracer_provider=provider) as tracker, tracker.step("photo-upload"):
        provider.force_flush()
        table = call("runs").stdout
        (row,) = json.loads(call("runs", "--json").stdout)["runs"]

    assert re.search(r"^ +1 people .* [\dms. ]+ running +0 +0 +0 +0 photo-upload$", table, re.MULTILINE)
    assert (row["outcome"], row["open_steps"], row["duration_ms"], row["host"]) == ("running", ["photo-upload"], None, host())
    assert row["journal"] is not None


@pytest.mark.parametrize("owner", [{"host": None, "journal": None}, {"host": "elsewhere", "journal": "1.jsonl"}])
def test_a_running_run_whose_process_cannot_be_seen_from_here_is_not_watched(call, add, owner):
    add("runs", pipeline="people", started_at=_stamp(datetime.now(UTC) - timedelta(hours=2)), outcome="running", **owner)

    assert re.search(r" 2h 0m running +0 +0 +0 +0 not watched$", call("runs").stdout, re.MULTILINE)
    assert "not watched: whether its process lives cannot be seen from here" in call("show", "1").stdout


def test_what_was_dropped_of_no_known_run_is_said_beside_the_runs(call, add):
    add("run_drops", run_id=None, trace_id="t", span_id="s", reason="unreadable_line", count=3)

    result = call("runs")

    assert result.stderr == "otel-sqlite: not recorded, of no run that is known: 3 (lines of a journal that cannot be read)\n"


def test_a_dead_run_is_labelled_before_the_first_answer(call, add):
    add(
        "runs",
        run_uid="a",
        pipeline="people",
        started_at=_stamp(datetime.now(UTC)),
        outcome="running",
        host=host(),
        journal="gone.jsonl",
    )

    (row,) = json.loads(call("runs", "--json").stdout)["runs"]

    assert (row["outcome"], row["end_reason"]) == ("failure", "process_died")


# ------------------------------------------------------------------------------------------------ show


@pytest.mark.usefixtures("story")
def test_show_tells_the_whole_story_of_a_run(call):
    assert call("show", "5f3").stdout == (
        "run 1, people: partial\n"
        "  run id      5f3a9c\n"
        "  started     2026-02-08 11:00:00 (CET)\n"
        "  finished    2026-02-08 11:02:30\n"
        "  took        2m 30s\n"
        "  process     club pid 4711\n"
        f"  trace       {'ab' * 16}\n"
        "  items       12 created, 3 updated, 1042 skipped, 2 failed\n"
        "  has started run 2, nikki: failure\n"
        "not recorded: 872 (item errors over the limit of a step)\n"
        "\n"
        "step           outcome took created updated skipped failed note\n"
        "laposta-submit partial  45s      12       3    1042      2\n"
        "reverse-sync   skipped 0.4s       0       0       0      0 nothing pending\n"
        "\n"
        "step           item message\n"
        "laposta-submit ABC  refused\n"
        "laposta-submit -    ApiError: 400\n"
    )


@pytest.mark.usefixtures("story")
def test_show_says_how_a_dead_run_ended_and_who_started_it(call):
    assert call("show", "2").stdout == (
        "run 2, nikki: failure\n"
        "  run id      77aa\n"
        "  started     2026-07-08 12:00:00 (CEST)\n"
        "  finished    2026-07-08 12:00:00\n"
        "  took        0.0s\n"
        "  ended by    process_died: process 12 is gone\n"
        "  started by  run 1, people\n"
        "  items       0 created, 0 updated, 0 skipped, 0 failed\n"
    )


def test_show_says_when_a_running_run_gave_its_last_sign_of_life(call, add):
    now = datetime.now(UTC)
    add("runs", pipeline="people", started_at=_stamp(now), outcome="running", last_seen_at=_stamp(now))

    assert f"  last sign   {now.astimezone():%Y-%m-%d %H:%M:%S}\n" in call("show", "latest").stdout


def test_a_parent_is_named_by_its_run_id_alone(call, add):
    add("runs", pipeline="people", started_at="2026-02-08T10:00:00.000Z", outcome="success", run_uid="a", parent_run_id="1")

    assert "  started by  1\n" in call("show", "latest").stdout


def test_show_names_a_parent_that_is_not_here_by_its_run_id(call, add):
    add("runs", pipeline="people", started_at="2026-02-08T10:00:00.000Z", outcome="success", parent_run_id="elsewhere")

    assert "  started by  elsewhere\n" in call("show", "latest").stdout


@pytest.mark.usefixtures("story")
def test_show_as_json_has_everything_with_json_columns_parsed_and_broken_json_as_text(call):
    assert json.loads(call("show", "5f3", "--json").stdout) == {
        "run": {**PEOPLE, "summary": {"total": 1059}},
        "steps": [
            {
                "id": 1,
                "name": "laposta-submit",
                "started_at": "2026-02-08T10:00:01.000Z",
                "finished_at": "2026-02-08T10:00:46.000Z",
                "duration_ms": 45_000,
                "outcome": "partial",
                "created": 12,
                "updated": 3,
                "skipped": 1042,
                "failed": 2,
                "end_reason": None,
                "skip_reason": None,
                "detail": {"list": "a"},
            },
            {
                "id": 2,
                "name": "reverse-sync",
                "started_at": "2026-02-08T10:01:00.000Z",
                "finished_at": "2026-02-08T10:01:00.400Z",
                "duration_ms": 400,
                "outcome": "skipped",
                "created": 0,
                "updated": 0,
                "skipped": 0,
                "failed": 0,
                "end_reason": None,
                "skip_reason": "nothing pending",
                "detail": "{cut",
            },
        ],
        "errors": ERRORS,
        "drops": [{"reason": "item_error_limit", "dropped": 872}],
        "ledger": {"offered": 0, "stored": 0, "dropped": 0, "missing": 0},
        "children": [NIKKI],
    }


@pytest.mark.parametrize("summary", ["NaN", "[Infinity]", "[" * 100_000, ""])
def test_a_summary_that_others_could_not_read_as_json_is_kept_as_text(call, add, summary):
    add("runs", pipeline="people", started_at="2026-02-08T10:00:00.000Z", outcome="success", summary_json=summary)

    assert json.loads(call("show", "latest", "--json").stdout)["run"]["summary"] == summary


def test_a_step_that_was_left_open_says_so_when_its_run_has_ended(call, add):
    for number, outcome in enumerate(("running", "failure"), start=1):
        add("runs", pipeline="people", started_at=_stamp(datetime.now(UTC)), outcome=outcome)
        add("run_steps", run_id=number, step_name="photos", started_at=_stamp(datetime.now(UTC)))

    assert re.search(r"^photos running ", call("show", "1").stdout, re.MULTILINE)
    assert re.search(r"^photos not ended ", call("show", "2").stdout, re.MULTILINE)


def test_show_has_the_first_twenty_errors_and_says_where_the_rest_is(call, add, write):
    add("runs", pipeline="people", started_at="2026-02-08T10:00:00.000Z", outcome="partial")
    write(
        "INSERT INTO run_errors (run_id, step_name, error_message, created_at) VALUES (1, 's', ?, ?)",
        *((f"message {n}", f"2026-02-08T10:00:{n:02}.000Z") for n in range(53)),
    )

    lines = call("show", "latest").stdout.splitlines()

    assert lines[-21].endswith("message 0")
    assert lines[-2].endswith("message 19")
    assert lines[-1] == "and 33 more errors: otel-sqlite errors --run 1"
    assert len(call("errors", "--run", "1").stdout.splitlines()) == 1 + 53


@pytest.mark.parametrize(("outcome", "exit_code"), [("success", 0), ("running", 0), ("partial", 1), ("failure", 1)])
def test_show_finds_trouble_when_the_run_is_not_a_success(call, add, outcome, exit_code):
    add("runs", pipeline="people", started_at=_stamp(datetime.now(UTC)), outcome=outcome)

    assert (call("show", "latest").exit_code, call("show", "1", "--json").exit_code) == (exit_code, exit_code)


@pytest.mark.usefixtures("story")
@pytest.mark.parametrize("arguments", [["show"], ["errors", "--run"]])
def test_a_run_that_is_unknown_or_ambiguous_is_said(call, add, arguments):
    add("runs", run_uid="5f00", pipeline="people", started_at="2026-02-08T10:00:00.000Z", outcome="success")

    results = [call(*arguments, name) for name in ("x\x1b", "5f")]

    assert [(r.exit_code, r.stdout, r.stderr) for r in results] == [
        (2, "", "otel-sqlite: there is no run 'x\\x1b': 'otel-sqlite runs' lists them\n"),
        (2, "", "otel-sqlite: more than one run id begins with '5f': give more of it\n"),
    ]


# ------------------------------------------------------------------------------------------------ errors


@pytest.mark.usefixtures("story")
def test_errors_are_a_table_newest_first(call):
    result = call("errors")

    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        (
            "time (CET)          run pipeline step           item message\n"
            "2026-02-08 11:00:03   1 people   laposta-submit -    ApiError: 400\n"
            "2026-02-08 11:00:02   1 people   laposta-submit ABC  refused\n"
        ),
        "",
    )


@pytest.mark.usefixtures("story")
def test_errors_as_json_have_every_column_as_stored(call):
    result = call("errors", "--json")

    assert (result.exit_code, json.loads(result.stdout)) == (1, {"errors": ERRORS[::-1]})


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--run", "latest"], []),
        (["--run", "5f"], [1, 2]),
        (["--pipeline", "people"], [2, 1]),
        (["--pipeline", "nikki"], []),
        (["--item", "ABC"], [1]),
        (["--limit", "1"], [2]),
        (["--since", "2026-02-08"], [2, 1]),
        (["--since", "2026-02-09"], []),
        (["--since", "2026-02-08T11:00:03"], [2]),
        (["--since", "2026-02-08T11:00:03+01:00"], [2]),
        (["--since", "2026-02-08T10:00:02.500Z"], [2]),
        (["--since", "2026-02-08 10:00:03.001Z"], []),
        (["--since", "999999999w"], [2, 1]),
    ],
)
@pytest.mark.usefixtures("story")
def test_errors_are_chosen_by_run_pipeline_item_time_and_number(call, arguments, found):
    result = call("errors", "--json", *arguments)

    assert [row["id"] for row in json.loads(result.stdout)["errors"]] == found
    assert result.exit_code == bool(found)


@pytest.mark.parametrize(("age", "count"), [("90m", 1), ("3h", 2), ("2d", 3), ("1w", 4)])
def test_an_age_counts_back_from_now(call, add, age, count):
    add("runs", pipeline="people", started_at="2026-02-08T10:00:00.000Z", outcome="partial")
    for hours in (1, 2, 30, 6 * 24, 8 * 24):
        moment = datetime.now(UTC) - timedelta(hours=hours)
        add("run_errors", run_id=1, step_name="s", error_message="m", created_at=_stamp(moment))

    assert len(json.loads(call("errors", "--json", "--since", age).stdout)["errors"]) == count


@pytest.mark.parametrize("value", ["yesterday", "7", "7y", "2026-13-01", "", "0001-01-01"])
def test_a_since_that_is_no_time_is_a_usage_error(call, value):
    result = call("errors", "--since", value)

    assert result.exit_code == 2
    assert f"{value!r} is not a date (2026-02-08), a time (2026-02-08T10:00) or an age (90m, 36h, 7d, 2w)" in result.stderr


def test_errors_says_that_there_may_be_more(call, add, write):
    add("runs", pipeline="people", started_at="2026-02-08T10:00:00.000Z", outcome="partial")
    write(
        "INSERT INTO run_errors (run_id, step_name, error_message, created_at) VALUES (1, 's', 'm', ?)",
        *((f"2026-02-08T10:00:{n:02}.000Z",) for n in range(51)),
    )

    result = call("errors")

    assert (len(result.stdout.splitlines()), result.stderr) == (51, "otel-sqlite: these are the newest 50: --limit shows more\n")


# ------------------------------------------------------------------------------------------------ harmless texts

EVIL = "\x1b[2J\x9b31m[red]bold[/red]\u202egnp\u2066\u200b\x07\x00\r\nnext\ttab :smile: é日本"
HARMLESS = "\\x1b[2J\\x9b31m[red]bold[/red]\\u202egnp\\u2066\\u200b\\x07\\x00  next tab :smile: é日本"


@pytest.fixture
def evil(add):
    """A run whose every text is made to attack a terminal."""
    add(
        "runs",
        run_uid=EVIL,
        pipeline=EVIL,
        started_at=EVIL,
        finished_at=EVIL,
        outcome="failure",
        end_reason=EVIL,
        end_evidence=EVIL,
        parent_run_id=EVIL + "x",
        trace_id=EVIL,
        host=EVIL,
        summary_json=EVIL,
    )
    add("run_steps", run_id=1, step_name=EVIL, started_at=EVIL, outcome="skipped", skip_reason=EVIL, detail_json=EVIL)
    add(
        "run_errors",
        run_id=1,
        step_name=EVIL,
        member_identifier=EVIL,
        error_message=EVIL,
        error_type=EVIL,
        error_stack=EVIL,
        created_at=EVIL,
    )
    add("run_drops", run_id=1, trace_id="t", span_id="s", reason=EVIL, count=1)


@pytest.mark.usefixtures("evil")
@pytest.mark.parametrize("command", [["runs"], ["show", "1"], ["errors"]])
def test_texts_of_the_database_cannot_command_a_terminal_nor_be_taken_for_markup(call, command):
    result = call(*command)

    assert all(character.isprintable() or character == "\n" for character in result.stdout)
    assert HARMLESS in result.stdout


@pytest.mark.usefixtures("evil")
@pytest.mark.parametrize("command", [["runs", "--json"], ["show", "1", "--json"], ["errors", "--json"]])
def test_json_is_plain_ascii_and_keeps_every_character(call, command):
    result = call(*command)

    assert result.stdout.isascii()
    assert all(character.isprintable() or character == "\n" for character in result.stdout)
    document = json.loads(result.stdout)
    first = document.get("run") or document.get("runs", document.get("errors"))[0]
    assert first["pipeline"] == EVIL


def test_a_pipe_gets_one_line_a_row_however_long(call, add):
    add("runs", pipeline="people", started_at="2026-02-08T10:00:00.000Z", outcome="partial")
    message = "word " * 400 + "end"
    add("run_errors", run_id=1, step_name="s", error_message=message, created_at="2026-02-08T10:00:00.000Z")

    assert call("errors").stdout.splitlines()[1].endswith(f" {message}")


@pytest.mark.usefixtures("story")
def test_a_terminal_of_eighty_columns_gets_colours_and_no_longer_lines(path, add):
    add("run_errors", run_id=2, step_name="s", error_message="x" * 300, created_at="2026-02-08T10:00:00.000Z")

    shown = [_on_terminal(path, *command) for command in (["runs"], ["show", "2"], ["errors"])]

    plain = [re.sub(r"\x1b\[[\d;]*m", "", text) for text in shown]
    assert max(len(line) for text in plain for line in text.splitlines()) <= 80
    assert "\x1b[1;31mfailure" in shown[0]
    assert plain[2].count("x") == 300


@pytest.mark.parametrize("message", ["KeyError", "club.KeyError"])
def test_an_exception_that_says_nothing_is_shown_by_its_class_once(call, add, message):
    add("runs", pipeline="people", started_at="2026-02-08T10:00:00.000Z", outcome="failure", run_uid="a")
    add(
        "run_errors",
        run_id=1,
        step_name="s",
        error_type="club.KeyError",
        error_message=message,
        created_at="2026-02-08T10:00:00.000Z",
    )

    assert call("errors").stdout.splitlines()[1].endswith(" s    -    KeyError")


def test_on_a_narrow_terminal_no_column_is_left_out(path, add):
    add("runs", pipeline="discipline", started_at="2026-02-08T10:00:00.000Z", outcome="failure", run_uid="a")
    add("run_steps", run_id=1, step_name="photo-upload", started_at="2026-02-08T10:00:00.000Z", outcome="partial")

    runs, show = (_on_terminal(path, *command, columns=20) for command in (["runs"], ["show", "1"]))

    assert re.search(r"  1 discipline 2026-02-08 \d\d:00 .*failure", runs)
    assert re.search(r"photo-upload .*partial", show)


def _on_terminal(path, *arguments, columns=80):
    """What the command writes on a terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(columns)}
    command = [sys.executable, "-c", PROGRAM, *arguments, "--path", str(path)]
    with subprocess.Popen(command, stdout=theirs, env=environment) as process:
        os.close(theirs)
        said = b""
        try:
            while chunk := os.read(ours, 65_536):
                said += chunk
        except OSError:  # Linux says so when the other end is closed
            pass
        os.close(ours)
    assert process.returncode == 1
    return said.decode()


def test_a_locale_without_the_characters_gets_escapes(path, add):
    add("runs", pipeline="日本", started_at="2026-02-08T10:00:00.000Z", outcome="success")

    result = _process("runs", "--path", str(path), PYTHONIOENCODING="latin-1")

    assert (result.returncode, "\\u65e5\\u672c" in result.stdout) == (0, True)


# ------------------------------------------------------------------------------------------------ init


def test_init_creates_the_database_and_then_has_nothing_to_do(call, path):
    results = [call("init"), call("init")]

    assert [(r.exit_code, r.stdout) for r in results] == [
        (0, f"{path}: created\n"),
        (0, f"{path}: is ready, nothing to do\n"),
    ]
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_init_adopts_the_database_of_the_original_with_its_rows(call, path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as making:
        making.executescript(ORIGINAL)

    assert call("init").stdout == f"{path}: adopted, with the rows it had\n"
    assert [row["id"] for row in json.loads(call("runs", "--json").stdout)["runs"]] == [7]


def test_init_as_json_says_where_and_what(call, path):
    documents = [json.loads(call("init", "--json").stdout) for _ in range(2)]

    assert documents == [{"path": str(path), "action": "created"}, {"path": str(path), "action": "unchanged"}]


def test_an_empty_file_is_made_a_database(call, path):
    path.parent.mkdir()
    path.touch()

    assert call("init").stdout == f"{path}: created\n"


@pytest.mark.parametrize("command", [["init"], ["runs"], ["show", "latest"], ["errors"], ["recover"]])
def test_a_database_of_somebody_else_is_one_line_and_exit_code_2(call, path, command):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as making:
        making.execute("CREATE TABLE contacts (name)")
    before = path.read_bytes()

    result = call(*command)

    assert (result.exit_code, result.stdout, result.stderr) == (
        2,
        "",
        (
            f"otel-sqlite: dashboard database {path} belongs to another application (it holds contacts): "
            "set OTEL_SQLITE_PATH (or configure(path=...)) to a file of its own\n"
        ),
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize("command", [["runs"], ["show", "latest"], ["errors"]])
def test_a_missing_database_is_one_line_and_is_not_made(call, path, command):
    result = call(*command)

    assert (result.exit_code, result.stdout, result.stderr) == (
        2,
        "",
        (
            f"otel-sqlite: dashboard database {path} is not there: "
            "run a pipeline, or say where it is: OTEL_SQLITE_PATH or --path\n"
        ),
    )
    assert not path.parent.exists()


@pytest.mark.parametrize("arguments", [["show"], ["runs", "--pipeline"], ["errors", "--pipeline"], ["errors", "--run"]])
def test_a_name_is_found_in_a_locale_that_lacks_its_characters(call, add, arguments):
    add("runs", pipeline="café", started_at="2026-02-08T10:00:00.000Z", outcome="success", run_uid="a")

    result = call(*arguments, "café".encode().decode("ascii", "surrogateescape"))

    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("redirection", "ended"),
    [
        (">&-", (0, "")),
        (">/dev/null", (0, "")),
        pytest.param(
            ">/dev/full",
            (2, "otel-sqlite: the answer could not be given: [Errno 28] No space left on device\n"),
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full"),
        ),
    ],
)
@pytest.mark.parametrize("arguments", [["runs"], ["runs", "--json"], ["--help"], ["--version"]], ids=" ".join)
def test_where_no_answer_can_be_given_the_exit_code_says_so(path, add, redirection, ended, arguments):
    add("runs", pipeline="people", started_at="2026-02-08T10:00:00.000Z", outcome="success", run_uid="a")
    command = ["sh", "-c", f'"$@" {redirection}', "sh", sys.executable, "-c", PROGRAM, *arguments]
    # Where Python buffers, what could not be written is still there at the exit.
    environment = {**os.environ, "OTEL_SQLITE_PATH": str(path), "PYTHONUNBUFFERED": ""}

    result = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, env=environment)

    assert (result.returncode, result.stderr) == ended


def test_an_error_that_the_answer_did_not_raise_is_not_said_of_the_answer(call, monkeypatch):
    error = OSError(errno.EIO, "Input/output error")

    def fail(*_):
        raise error

    monkeypatch.setattr(looking, "reading", fail)

    assert call("runs").exception is error


@pytest.mark.parametrize("interval", ["nan", "inf", "0", "-1", "0.04"])
def test_an_interval_that_cannot_be_waited_is_refused(call, interval):
    result = call("runs", "--watch", "--interval", interval)

    assert result.exit_code == 2
    assert "is not between 0.05 and 86400 seconds" in result.stderr


def test_the_path_comes_from_the_environment_unless_it_is_given(tmp_path, monkeypatch):
    monkeypatch.setenv("OTEL_SQLITE_PATH", str(tmp_path / "of-the-environment"))

    results = [CliRunner().invoke(main, arguments) for arguments in (["init"], ["init", "--path", str(tmp_path / "given")])]

    assert [result.stdout for result in results] == [
        f"{tmp_path / 'of-the-environment'}: created\n",
        f"{tmp_path / 'given'}: created\n",
    ]


# ------------------------------------------------------------------------------------------------ reading where writing fails


@pytest.mark.usefixtures("story")
def test_a_folder_without_right_to_write_is_read_with_a_word_about_it(call, path, in_child, forbid_writing):
    forbid_writing(path)
    path.with_name(path.name + ".d").chmod(0o555)

    def answer():
        result = call("runs")
        return result.exit_code, len(result.stdout.splitlines()), result.stderr.partition(" (")[0]

    assert in_child(answer, user=NOBODY) == repr(
        (
            1,
            3,
            f"otel-sqlite: what follows may lack the last moments of processes that died: dashboard database {path} is read-only",
        )
    )


@pytest.mark.usefixtures("story")
def test_a_full_disk_is_read_with_a_word_about_it(call, monkeypatch):
    monkeypatch.setattr(connection, "MIN_FREE_BYTES", 2**63)

    result = call("runs")

    assert len(result.stdout.splitlines()) == 3
    assert "the disk is full" in result.stderr


@pytest.mark.usefixtures("story")
def test_a_database_that_others_write_all_the_time_is_read_with_a_word_about_it(call, path, monkeypatch):
    monkeypatch.setattr("otel_sqlite.cli.frame._REFRESH_TIMEOUT_S", 0.01)

    with _mutex_held(path):
        result = call("runs")

    assert len(result.stdout.splitlines()) == 3
    assert result.stderr == (
        "otel-sqlite: what follows may lack the last moments of processes that died: "
        f"dashboard database {path} is locked by another process (other writers): "
        "nothing is lost, it is tried again; end the process that holds it if this stays\n"
    )


@contextmanager
def _mutex_held(path):
    with (connection.sidecar(path) / "mutex").open() as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        yield


# ------------------------------------------------------------------------------------------------ recover


@pytest.fixture
def killed(path):
    """A pipeline whose process was killed in the middle of a step, and that nobody has recovered."""
    script = (
        "import os, signal, sys\n"
        "from otel_sqlite import configure, run\n"
        "configure(sys.argv[1])\n"
        "with run('people') as r, r.step('photos') as s:\n"
        "    s.count(created=3)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    finished = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert finished.returncode == -9


@pytest.mark.usefixtures("killed")
def test_recover_records_what_the_dead_left_and_labels_their_runs(call):
    results = [call("recover", "--json"), call("recover")]

    assert [result.exit_code for result in results] == [0, 0]
    assert json.loads(results[0].stdout) == {"journals": 1, "waiting": 0, "labelled": 1}
    assert results[1].stdout == "journals recorded: 0, waiting: 0; dead runs labelled: 0\n"
    (row,) = json.loads(call("runs", "--json").stdout)["runs"]
    assert (row["outcome"], row["end_reason"]) == ("failure", "process_died")


@pytest.mark.usefixtures("killed")
def test_a_killed_run_is_labelled_before_the_first_answer(call):
    result = call("show", "latest")

    assert result.exit_code == 1
    assert re.search(r"^run 1, people: failure$", result.stdout, re.MULTILINE)
    assert re.search(r"^  ended by    process_died: process \d+ is gone", result.stdout, re.MULTILINE)
    assert re.search(r"^photos failure ", result.stdout, re.MULTILINE)


@pytest.mark.usefixtures("killed")
def test_what_is_still_waiting_is_trouble_for_recover_and_a_word_for_the_others(call, monkeypatch):
    call("init")
    monkeypatch.setattr("otel_sqlite.cli.frame._REFRESH_TIMEOUT_S", 0)
    monkeypatch.setattr("otel_sqlite.cli.tending._RECOVER_TIMEOUT_S", 0)

    results = [call("recover"), call("runs")]

    assert (results[0].exit_code, results[0].stdout) == (1, "journals recorded: 0, waiting: 1; dead runs labelled: 0\n")
    assert (
        results[1].stderr == "otel-sqlite: journals of dead processes that are not recorded yet: 1 (run 'otel-sqlite recover')\n"
    )


# ------------------------------------------------------------------------------------------------ the program


def _process(*arguments, **environment):
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def test_selftest_records_a_run_and_finds_it(path, call):
    result = _process("selftest", "--path", str(path))

    (row,) = json.loads(call("runs", "--json").stdout)["runs"]
    assert (result.returncode, result.stdout, result.stderr) == (0, "Run tracker test complete, run_id: 1\n", "")
    assert (row["pipeline"], row["outcome"], row["failed"]) == ("test", "partial", 5)


def test_selftest_says_that_tracking_is_switched_off(path):
    result = _process("selftest", "--path", str(path), OTEL_SDK_DISABLED="true")
    reason = "otel-sqlite: OTEL_SDK_DISABLED is true, so nothing is recorded: unset it where pipelines run\n"
    assert (result.returncode, result.stdout, result.stderr) == (2, "", reason)
    assert not path.parent.exists()


def test_selftest_says_when_nothing_was_stored(path, call):
    call("init")
    script = (
        "import sys, otel_sqlite\n"
        "otel_sqlite.configure = lambda path: None\n"
        "from otel_sqlite.cli import main\n"
        "main(['selftest', '--path', *sys.argv[1:]])\n"
    )
    results = [
        subprocess.run([sys.executable, "-c", script, str(path), *json_or_not], capture_output=True, text=True, check=False)
        for json_or_not in ([], ["--json"])
    ]
    assert [(r.returncode, r.stderr) for r in results] == [(1, "otel-sqlite: no run was stored\n"), (1, "")]
    assert json.loads(results[1].stdout) == {"run_id": None, "run_uid": None, "problems": ["no run was stored"]}


def test_selftest_compares_what_was_stored_with_what_was_recorded(path):
    (path.parent).mkdir()
    script = (
        "import sys\n"
        "from otel_sqlite.cli import main, self_test\n"
        "self_test._TEST_STEPS[0] = ('success', 'success', 9, 9, 9, 9)\n"
        "main(['selftest', '--path', sys.argv[1]])\n"
    )

    result = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("otel-sqlite: steps: recorded [('success', 'success', 9, 9, 9, 9), ")


@pytest.mark.parametrize("arguments", [["runs"], ["show", "latest"], ["errors"], ["recover"], ["init"], ["prune"]])
def test_json_needs_neither_the_sdk_nor_what_draws_tables_nor_what_other_commands_do(path, add, arguments):
    add("runs", pipeline="people", started_at="2026-02-08T10:00:00.000Z", outcome="success")
    heavy = ["opentelemetry", "rich", "httpx", "otel_sqlite.doctor", "otel_sqlite.store.repair", "otel_sqlite.receiver"]
    script = (
        "import sys\n"
        "from otel_sqlite.cli import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "finally:\n"
        f"    print([m for m in {heavy} if m in sys.modules], file=sys.stderr)\n"
    )

    command = [sys.executable, "-c", script, *arguments, "--json", "--path", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (result.returncode, result.stderr) == (0, "[]\n")


def test_without_click_one_line_says_what_to_install():
    script = "import sys; sys.modules['click'] = None; import otel_sqlite.cli"

    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert (result.returncode, result.stdout, result.stderr) == (
        2,
        "",
        "otel-sqlite needs the extra 'cli': pip install 'otel-sqlite[cli]'\n",
    )


def test_a_command_that_does_not_exist_is_told_with_those_that_are_like_it():
    # In a process of its own: here, other tests have loaded the commands that it is compared with.
    result = _process("run")

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.endswith("Error: No such command 'run'. (Did you mean one of: 'prune', 'runs'?)\n")


def test_a_usage_error_is_exit_code_2(call):
    results = [call("runs", "--outcome", "great"), call("runs", "--limit", "0"), call("show"), call("nothing")]

    assert [result.exit_code for result in results] == [2, 2, 2, 2]


def test_the_version_is_that_of_the_package():
    result = CliRunner().invoke(main, ["--version"])

    assert re.fullmatch(r"otel-sqlite, version \d+\.\d+\.\d+\n", result.stdout)


@pytest.mark.parametrize("command", ["init", "runs", "show", "errors", "recover", "prune", "forget", "selftest"])
def test_the_help_of_each_command_describes_its_json_and_its_path(command):
    result = CliRunner().invoke(main, [command, "--help"])

    assert result.exit_code == 0
    assert "--json:  {" in result.stdout
    assert "OTEL_SQLITE_PATH" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100


# ---------------------------------------------------------------------------------------------- doctor


def test_doctor_says_the_worst_first_and_what_to_do(call, path, write, add):
    add("runs", run_uid="r", pipeline="people", started_at="2026-02-08T10:00:00.000Z", outcome="success")
    path.chmod(0o640)
    result = call("doctor")
    lines = result.stdout.splitlines()
    at = lines.index(f"note     wrong-mode: {path} has mode 640: others may look into it")
    assert lines[at + 1] == f"           -> chmod 600 {path}"
    assert lines[-1].startswith("ok ")
    assert result.exit_code == 0


def test_doctor_says_once_that_a_setting_is_not_understood(path, add):
    add("runs", pipeline="people", started_at="2026-02-08T10:00:00.000Z", outcome="success", run_uid="a")

    result = _process("doctor", "--path", str(path), OTEL_SQLITE_RETENTION_DAYS="soon")

    assert (result.stdout.count("OTEL_SQLITE_RETENTION_DAYS='soon'"), result.stderr) == (1, "")


def test_doctor_finds_trouble(call, path, write, add):
    add("run_drops", trace_id="t", span_id="s", reason="refused_record", count=2)
    assert call("doctor").exit_code == 1
    document = json.loads(call("doctor", "--json").stdout)
    assert (document["path"], document["repaired"]) == (str(path), None)
    assert document["findings"][0].keys() == {"condition", "level", "facts", "remedy"}
    assert [f["facts"] for f in document["findings"] if f["level"] == "problem"] == ["2 in the last 7 days: refused_record"]


def test_doctor_repairs_what_is_damaged_and_applies_what_dead_processes_left(call, path, add, tracked, in_child):
    add("runs", run_uid="r", pipeline="people", started_at="2026-02-08T10:00:00.000Z", outcome="success")
    trackings = []

    def die():
        trackings.append(tracked())
        run("nikki", tracer_provider=trackings[-1].__enter__()).__enter__()

    in_child(die)
    with path.open("r+b") as file:
        file.write(bytes(100))
    assert call("doctor").exit_code == 1

    document = json.loads(call("doctor", "--repair", "--json").stdout)

    tables = {"runs": {"kept": 1, "lost": 0}}
    tables |= {table: {"kept": 0, "lost": 0} for table in ("run_steps", "run_errors", "run_drops")}
    assert document["repaired"] == {"aside": document["repaired"]["aside"], "tables": tables, "journals": 1}
    assert [row["pipeline"] for row in json.loads(call("runs", "--json").stdout)["runs"]] == ["nikki", "people"]


def test_doctor_says_in_words_what_it_repaired(call, path, add):
    add("runs", run_uid="r", pipeline="people", started_at="2026-02-08T10:00:00.000Z", outcome="success")
    with path.open("r+b") as file:
        file.write(bytes(100))
    result = call("doctor", "--repair")
    assert result.stdout.startswith(f"the damaged database is kept as {path}.damaged-")
    assert "\n  runs        1 kept, 0 lost\n" in result.stdout
    assert result.exit_code == 0


def test_doctor_says_what_a_repair_lost_also_when_the_journals_have_to_wait(call, path, add, monkeypatch):
    add("runs", run_uid="r", pipeline="people", started_at="2026-02-08T10:00:00.000Z", outcome="success")
    with path.open("r+b") as file:
        file.write(bytes(100))
    monkeypatch.setattr(examining, "_RECOVER_TIMEOUT_S", 0)
    with (connection.sidecar(path) / "recovery").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        result = call("doctor", "--repair")
    assert "\n  runs        1 kept, 0 lost\n" in result.stdout
    assert "another process records what dead ones left" in result.stderr


def test_doctor_repairs_nothing_that_is_whole(call, path, add):
    add("runs", run_uid="r", pipeline="people", started_at="2026-02-08T10:00:00.000Z", outcome="success")
    result = call("doctor", "--repair")
    assert "is whole: there is nothing to repair" in result.stderr
    assert result.exit_code == 0


def test_doctor_never_repairs_what_belongs_to_somebody_else(call, path):
    path.parent.mkdir()
    path.write_text("a letter")
    result = call("doctor", "--repair")
    assert (result.exit_code, path.read_text()) == (2, "a letter")
