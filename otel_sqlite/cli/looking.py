"""The commands that answer from the database: runs, show and errors."""

# ruff: noqa: D301 - a backspace in a docstring is how click is told to leave the lines of a paragraph alone

import re
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from otel_sqlite import tables
from otel_sqlite.cli.frame import (
    UnreadableError,
    characters,
    leave,
    ledger_document,
    note,
    parsed,
    path_and_json,
    print_json,
    reading,
)
from otel_sqlite.cli.watching import Look, watch, watchable
from otel_sqlite.journal import host
from otel_sqlite.model import Outcome, timestamp
from otel_sqlite.store.reader import Reader, RunRow, StepRow

if TYPE_CHECKING:
    from collections.abc import Sequence

_TROUBLE: Final = frozenset({Outcome.FAILURE, Outcome.PARTIAL})
_SHOWN_ERRORS: Final = 20
_LISTED_ERRORS: Final = 50
_DAY_S: Final = 86_400
_AGE: Final = re.compile(r"(\d{1,9})([mhdw])")
_AGE_UNITS_S: Final = {"m": 60, "h": 3_600, "d": _DAY_S, "w": 7 * _DAY_S}


def _since(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """An age, a date or a time, as a time of the database."""
    if value is None:
        return None
    if (age := _AGE.fullmatch(value)) is not None:
        return timestamp(time.time_ns() - int(age[1]) * _AGE_UNITS_S[age[2]] * 1_000_000_000)
    try:
        moment = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{value!r} is not a date (2026-02-08), a time (2026-02-08T10:00) or an age (90m, 36h, 7d, 2w)"
        ) from None
    return f"{moment.isoformat(timespec='milliseconds')[:23]}Z"


@click.command()
@click.option("--pipeline", metavar="P", type=characters, help="Only runs of this pipeline.")
@click.option("--outcome", type=click.Choice([o.value for o in Outcome if o is not Outcome.SKIPPED]), help="Only these.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), default=20, show_default=True, help="How many at most.")
@watchable
@path_and_json
def runs(  # noqa: PLR0913 - an option each
    *, path: Path, pipeline: str | None, outcome: str | None, limit: int, is_watching: bool, interval_s: float, as_json: bool
) -> None:
    """List the newest runs, newest first.

    The columns new, upd, skip and fail count the items that were created, updated, skipped and failed.

    \b
    otel-sqlite runs
    otel-sqlite runs --pipeline people --limit 5
    otel-sqlite runs --outcome failure
    otel-sqlite runs >/dev/null || echo "something failed"
    otel-sqlite runs --watch

    Exit code 1: the newest ended run of a listed pipeline is a failure or partial. With --watch: 0, when Ctrl-C ends it.
    Where there is no terminal, --watch prints a line for each run that is new or has changed.

    \b
    --json:  {"runs": [RUN, ...]}, where RUN is
      id               number  row id; may be used again after old runs are deleted
      run_uid          text    the run id
      club, pipeline   text
      outcome          running, success, partial, failure
      started_at       time
      finished_at      time    null while running
      duration_ms      number  null while running
      created, updated, skipped, failed  numbers: the sums over the steps
      end_reason       ok, exception, exit_code, signal, cancelled, process_died,
                       host_rebooted, lost_contact; null while running
      end_evidence     text    how it is known that a dead run died
      open_steps       list    names of the steps that a running run is in
      dropped          number  records that could not be kept; show has the reasons
      parent_run_id    text    run_uid of the run that started this one
      trace_id         text    of the trace, in hexadecimal
      host, pid                of the process
      journal          text    null while running: nobody watches the process
      last_seen_at     time    last sign of life
      recovered        number  starts, ends and errors that only the journal of its dead
                       process knew; null: none
    """
    if is_watching:
        _refuse_json(as_json=as_json)
        watch(lambda: _look_at_runs(path, pipeline, outcome, limit), interval_s)
        leave(found_trouble=False)
    with reading(path) as reader:
        rows = reader.runs(pipeline=pipeline, outcome=outcome, limit=limit)
        lost = reader.drops(None)
    if as_json:
        print_json({"runs": [row._asdict() for row in rows]})
    else:
        _print_runs(rows)
    if lost:
        note(f"not recorded, of no run that is known: {tables.dropped(lost)}")
    leave(found_trouble=_is_any_pipeline_in_trouble(rows))


@click.command()
@click.argument("run", type=characters)
@watchable
@path_and_json
def show(*, path: Path, run: str, is_watching: bool, interval_s: float, as_json: bool) -> None:
    """Show one run: its steps, its errors, and what could not be recorded.

    RUN is the number in the first column of "otel-sqlite runs", the run id or its unique beginning (not digits alone), a
    pipeline: its newest run, or "latest": the run that started last of all.

    \b
    otel-sqlite show latest
    otel-sqlite show people
    otel-sqlite show 42
    otel-sqlite show 5f3a9c
    otel-sqlite show latest --json | jq .run.summary
    otel-sqlite show latest --watch

    Exit code 1: the run is a failure or partial. --watch ends with the run, and then so; Ctrl-C ends it before, with 0. Where
    there is no terminal, it prints a line for whatever is new or has changed.

    \b
    --json:  {"run": RUN, "steps": [STEP, ...], "errors": [ERROR, ...], "drops": [DROP, ...],
              "ledger": LEDGER, "children": [RUN, ...]}
      RUN    as in "otel-sqlite runs --help"; "run" has in addition
             summary          what the run said of itself (text when it is no JSON)
      STEP   id, name, started_at, finished_at, duration_ms, created, updated, skipped,
             failed, end_reason
             outcome          success, partial, failure, skipped; null while open
             skip_reason      text
             detail           what the step said of itself (text when it is no JSON)
      ERROR  as in "otel-sqlite errors --help": all of them, in the order in which they happened
      DROP   reason, dropped  how many records were not kept for this reason
      LEDGER offered          item errors that the steps were given: stored + dropped + missing
             stored, dropped  what became of them
             missing          neither: deleted since, or still on their way
    """
    if is_watching:
        _refuse_json(as_json=as_json)
        row = _watch_run(path, run, interval_s)
    else:
        row = _show_run(path, run, as_json=as_json)
    leave(found_trouble=row.outcome in _TROUBLE)


@click.command()
@click.option(
    "--run", metavar="R", type=characters, help='Only of this run: as in "otel-sqlite show"; in the order in which they happened.'
)
@click.option("--pipeline", metavar="P", type=characters, help="Only of this pipeline.")
@click.option("--item", metavar="I", type=characters, help="Only of the item with exactly this id.")
@click.option("--since", metavar="D", callback=_since, help="Only since a date, a time or an age: 2026-02-08, 36h, 7d.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="How many at most; 50, or all of one run.")
@path_and_json
def errors(  # noqa: PLR0913 - an option each
    *,
    path: Path,
    run: str | None,
    pipeline: str | None,
    item: str | None,
    since: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """List what failed, newest first.

    Dates and times without a zone are local. --json has the stack traces.

    \b
    otel-sqlite errors --since 2026-02-08
    otel-sqlite errors --pipeline people --since 36h
    otel-sqlite errors --item ABCD12X
    otel-sqlite errors --run latest

    Exit code 1: there is at least one.

    \b
    --json:  {"errors": [ERROR, ...]}, where ERROR is
      id             number
      run_id         number  row id of the run
      run_uid        text    its run id
      club, pipeline text
      step           text    name of the step
      item_id        text    null: not the failure of one item
      error_type     text    class of the exception
      message        text
      stack          text    stack trace
      created_at     time
    """
    with reading(path) as reader:
        run_id = None if run is None else _the_run(reader, run).id
        most = limit or (_LISTED_ERRORS if run_id is None else -1)
        rows = reader.errors(run_id=run_id, pipeline=pipeline, item=item, since=since, limit=most)
    if as_json:
        print_json({"errors": [row._asdict() for row in rows]})
    elif rows:
        tables.draw_errors(rows)
        if limit is None and len(rows) == most:
            note(f"these are the newest {most}: --limit shows more")
    else:
        click.echo("no errors")
    leave(found_trouble=bool(rows))


def _the_run(reader: Reader, name: str) -> RunRow:
    match reader.find(name):
        case [row]:
            return row
        case []:
            raise UnreadableError(f"there is no run {name!r}: 'otel-sqlite runs' lists them")
        case _:
            raise UnreadableError(f"more than one run id begins with {name!r}: give more of it")


def _run_document(reader: Reader, row: RunRow) -> dict[str, object]:
    return {
        "run": {**row._asdict(), "summary": parsed(reader.summary(row.id))},
        "steps": [_step_document(step) for step in reader.steps(row.id)],
        "errors": [error._asdict() for error in reader.errors(run_id=row.id)],
        "drops": [drop._asdict() for drop in reader.drops(row.id)],
        "ledger": ledger_document(reader.ledger(row.id)),
        "children": [child._asdict() for child in _children(reader, row)],
    }


def _step_document(step: StepRow) -> dict[str, object]:
    document = step._asdict()
    del document["detail_json"]
    return {**document, "detail": parsed(step.detail_json)}


@cache
def _note_once(text: str) -> None:
    note(text)


def _refuse_json(*, as_json: bool) -> None:
    if as_json:
        raise click.UsageError("--watch and --json do not go together")


def _print_runs(rows: "Sequence[RunRow]") -> None:
    if rows:
        tables.draw_runs(rows, datetime.now(UTC), _is_watched)
    else:
        click.echo("no runs")


def _look_at_runs(path: Path, pipeline: str | None, outcome: str | None, limit: int) -> Look:
    with reading(path, _note_once) as reader:
        rows = reader.runs(pipeline=pipeline, outcome=outcome, limit=limit)
    lines = {str(row.run_uid or row.id): tables.run_line(row) for row in reversed(rows)}
    return Look(lambda: _print_runs(rows), lines, is_last=False)


def _show_run(path: Path, name: str, *, as_json: bool) -> RunRow:
    with reading(path) as reader:
        row = _the_run(reader, name)
        if as_json:
            print_json(_run_document(reader, row))
        else:
            _print_run(reader, row)
    return row


def _watch_run(path: Path, name: str, interval_s: float) -> RunRow:
    """Watch one run to its end; returns what was seen of it last."""
    with reading(path, _note_once) as reader:
        row = _the_run(reader, name)

    def look() -> Look:
        nonlocal row
        with reading(path, _note_once) as reader:
            row = _the_run(reader, row.run_uid or str(row.id))
            steps = reader.steps(row.id)
        lines = {"run": tables.run_line(row), **{str(step.id): tables.step_line(step) for step in steps}}
        return Look(lambda: _draw_run(path, row), lines, is_last=row.outcome != Outcome.RUNNING)

    watch(look, interval_s)
    return row


def _draw_run(path: Path, row: RunRow) -> None:
    with Reader(path) as reader:
        _print_run(reader, row)


def _print_run(reader: Reader, row: RunRow) -> None:
    parent = reader.run(row.parent_run_id) if row.parent_run_id else None
    for line in tables.head(row, parent, _children(reader, row)):
        click.echo(tables.printable(line))
    is_running = row.outcome == Outcome.RUNNING
    if is_running and not _is_watched(row):
        click.echo("  not watched: whether its process lives cannot be seen from here")
    if (ledger := reader.ledger(row.id)).offered:
        click.echo(f"  {'item errors':<12}{tables.ledger(ledger)}")
    if drops := reader.drops(row.id):
        click.echo(tables.printable(f"not recorded: {tables.dropped(drops)}"))
    if steps := reader.steps(row.id):
        click.echo()
        tables.draw_steps(steps, is_running=is_running)
    if errors := reader.errors(run_id=row.id, limit=_SHOWN_ERRORS):
        click.echo()
        tables.draw_run_errors(errors)
        if more := reader.count_errors(row.id) - len(errors):
            click.echo(f"and {more} more errors: otel-sqlite errors --run {row.id}")


def _children(reader: Reader, row: RunRow) -> list[RunRow]:
    return reader.children(row.run_uid) if row.run_uid else []


def _is_watched(row: RunRow) -> bool:
    """Whether this machine can see that the process of a running run lives."""
    return row.journal is not None and row.host == host()


def _is_any_pipeline_in_trouble(rows: "Sequence[RunRow]") -> bool:
    newest: dict[tuple[str, str], str | None] = {}
    for row in rows:
        if row.outcome != Outcome.RUNNING:
            newest.setdefault((row.club, row.pipeline), row.outcome)
    return not _TROUBLE.isdisjoint(newest.values())
