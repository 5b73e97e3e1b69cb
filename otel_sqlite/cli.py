"""The command ``otel-sqlite``: parses, calls, prints. It never loads the SDK (but for ``selftest``), and rich only to draw a table."""

import json
import os
import re
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from otel_sqlite.applier import recover as recover_journals
from otel_sqlite.errors import MissingExtraError, OtelSqliteError, StoreError
from otel_sqlite.journal import host
from otel_sqlite.model import EndReason, Outcome, timestamp
from otel_sqlite.settings import Settings
from otel_sqlite.store import adopt
from otel_sqlite.store.reader import DropRow, ErrorRow, Reader, RunRow, StepRow

try:
    import click
except ModuleNotFoundError:  # this module is a program: whoever imports it wants to run it
    sys.stderr.write(f"{MissingExtraError('otel-sqlite', 'cli')}\n")
    sys.exit(2)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.text import Text

_TROUBLE: Final = frozenset({Outcome.FAILURE, Outcome.PARTIAL})
_REFRESH_TIMEOUT_S: Final = 1.0
_RECOVER_TIMEOUT_S: Final = 60.0
_WRITE_TIMEOUT_S: Final = 10.0
_SHOWN_ERRORS: Final = 20
_LISTED_ERRORS: Final = 50
_STYLES: Final = {
    Outcome.RUNNING: "blue",
    Outcome.SUCCESS: "green",
    Outcome.PARTIAL: "yellow",
    Outcome.FAILURE: "bold red",
}
_DAY_S: Final = 86_400
_AGE: Final = re.compile(r"(\d{1,9})([mhdw])")
_AGE_UNITS_S: Final = {"m": 60, "h": 3_600, "d": _DAY_S, "w": 7 * _DAY_S}
_ANY_WIDTH: Final = 1_000_000


class _UnreadableError(click.ClickException):
    """Nothing could be answered."""

    exit_code = 2

    def show(self, file: object = None) -> None:  # noqa: ARG002 - click passes it where it wants another stream
        _note(self.message)


class _Commands(click.Group):
    """Turns our errors into one line and exit code 2, whatever the command."""

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):  # a terminal that knows fewer characters shows the rest as escapes
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except OtelSqliteError as error:
            raise _UnreadableError(str(error)) from error


class _Since(click.ParamType[str]):
    """An age, a date or a time; a time of the database."""

    name = "when"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if (age := _AGE.fullmatch(value)) is not None:
            return timestamp(time.time_ns() - int(age[1]) * _AGE_UNITS_S[age[2]] * 1_000_000_000)
        try:
            moment = datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a date (2026-02-08), a time (2026-02-08T10:00) or an age (90m, 36h, 7d, 2w)", param, ctx)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _path_and_json(command: "Callable[..., None]") -> "Callable[..., None]":
    path = click.option(
        "--path",
        type=click.Path(),
        callback=lambda _ctx, _param, value: Settings.from_env(value).path,
        help="The dashboard database; by default OTEL_SQLITE_PATH, else data/dashboard.sqlite.",
    )
    return path(click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")(command))


@click.group(name="otel-sqlite", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="otel-sqlite")
def main() -> None:
    """See what the pipelines of this machine did: which ran, what changed, what failed.

    \b
    otel-sqlite runs                         the newest runs, all pipelines
    otel-sqlite runs --pipeline people       those of one pipeline
    otel-sqlite show latest                  the last run: steps, errors, what is missing
    otel-sqlite errors --since 7d            what failed in the last seven days
    otel-sqlite errors --item ABCD12X        what failed for one member

    A running run is one whose process lives: before they answer, the commands record what processes left behind that
    have ended, and label the runs that died with them.

    \b
    Exit code:  0 fine  1 trouble found (each command says what)  2 could not answer

    In scripts, use --json: its keys stay as they are (new ones may be added), times are UTC as stored, durations are in
    milliseconds, and what is not known is null.
    """


@main.command()
@_path_and_json
def init(path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """Create the dashboard database, or make an older one ready, and say which.

    Pipelines do this by themselves; here one sees whether it works. A database of the tracker that came before keeps its
    rows, and its programs go on working on it.

    \b
    --json:  {"path": "...", "action": "created" | "adopted" | "unchanged"}
    """
    action = _init_action(path)
    database = adopt.dashboard(path)
    with database.transaction(_WRITE_TIMEOUT_S):
        pass
    database.close()
    if as_json:
        _print_json({"path": str(path), "action": action})
    else:
        words = {"created": "created", "adopted": "adopted, with the rows it had", "unchanged": "is ready, nothing to do"}
        click.echo(f"{_printable(str(path))}: {words[action]}")


@main.command()
@click.option("--pipeline", metavar="P", help="Only runs of this pipeline.")
@click.option("--outcome", type=click.Choice([o.value for o in Outcome if o is not Outcome.SKIPPED]), help="Only these.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), default=20, show_default=True, help="How many at most.")
@_path_and_json
def runs(path: Path, pipeline: str | None, outcome: str | None, limit: int, as_json: bool) -> None:  # noqa: FBT001 - as init
    """List the newest runs, newest first.

    The columns new, upd, skip and fail count the items that were created, updated, skipped and failed.

    \b
    otel-sqlite runs
    otel-sqlite runs --pipeline people --limit 5
    otel-sqlite runs --outcome failure
    otel-sqlite runs >/dev/null || echo "something failed"

    Exit code 1: the newest ended run of a listed pipeline is a failure or partial.

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
    """
    with _reading(path) as reader:
        rows = reader.runs(pipeline=pipeline, outcome=outcome, limit=limit)
        lost = reader.drops(None)
    if as_json:
        _print_json({"runs": [asdict(row) for row in rows]})
    elif rows:
        _print_table(_runs_table(rows, datetime.now(UTC)), fold=9)
    else:
        click.echo("no runs")
    if lost:
        _note(f"of runs that are not known, {_dropped(lost)}")
    _exit(found_trouble=_is_any_pipeline_in_trouble(rows))


@main.command()
@click.argument("run")
@_path_and_json
def show(path: Path, run: str, as_json: bool) -> None:  # noqa: FBT001 - as init
    """Show one run: its steps, its errors, and what could not be recorded.

    RUN is the number in the first column of "otel-sqlite runs", the run id or its unique beginning, or "latest": the run
    that started last.

    \b
    otel-sqlite show latest
    otel-sqlite show 42
    otel-sqlite show 5f3a9c
    otel-sqlite show latest --json | jq .run.summary

    Exit code 1: the run is a failure or partial.

    \b
    --json:  {"run": RUN, "steps": [STEP, ...], "errors": [ERROR, ...], "drops": [DROP, ...],
              "children": [RUN, ...]}
      RUN    as in "otel-sqlite runs --help"; "run" has in addition
             summary          what the run said of itself (text when it is no JSON)
      STEP   id, name, started_at, finished_at, duration_ms, created, updated, skipped,
             failed, end_reason
             outcome          success, partial, failure, skipped; null while open
             skip_reason      text
             detail           what the step said of itself (text when it is no JSON)
      ERROR  as in "otel-sqlite errors --help": all of them, in the order in which they happened
      DROP   reason, dropped  how many records were not kept for this reason
    """
    with _reading(path) as reader:
        row = _the_run(reader, run)
        if as_json:
            _print_json(_run_document(reader, row))
        else:
            _print_run(reader, row)
    _exit(found_trouble=row.outcome in _TROUBLE)


@main.command()
@click.option("--run", metavar="R", help='Only of this run: as in "otel-sqlite show"; in the order in which they happened.')
@click.option("--pipeline", metavar="P", help="Only of this pipeline.")
@click.option("--item", metavar="I", help="Only of the item with exactly this id.")
@click.option("--since", metavar="D", type=_Since(), help="Only since a date, a time or an age: 2026-02-08, 36h, 7d.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="How many at most; 50, or all of one run.")
@_path_and_json
def errors(  # noqa: PLR0913 - one parameter an option
    path: Path,
    run: str | None,
    pipeline: str | None,
    item: str | None,
    since: str | None,
    limit: int | None,
    as_json: bool,  # noqa: FBT001 - as init
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
    with _reading(path) as reader:
        run_id = None if run is None else _the_run(reader, run).id
        most = limit or (_LISTED_ERRORS if run_id is None else -1)
        rows = reader.errors(run_id=run_id, pipeline=pipeline, item=item, since=since, limit=most)
    if as_json:
        _print_json({"errors": [asdict(row) for row in rows]})
    elif rows:
        _print_table(_errors_table(rows), fold=5)
        if limit is None and len(rows) == most:
            _note(f"these are the newest {most}: --limit shows more")
    else:
        click.echo("no errors")
    _exit(found_trouble=bool(rows))


@main.command()
@_path_and_json
def recover(path: Path, as_json: bool) -> None:  # noqa: FBT001 - as init
    """Record what processes left behind that have ended, and label the runs that died with them.

    Every other command does this for a second before it answers; this one takes the time it needs, up to a minute. Live
    processes are not touched.

    Exit code 1: something is still waiting.

    \b
    --json:  {"journals": number, "waiting": number, "labelled": number}
      journals  of dead processes, recorded now
      waiting   of dead processes, not recorded yet
      labelled  dead runs that now have a reason
    """
    found = recover_journals(path, _RECOVER_TIMEOUT_S)
    if as_json:
        _print_json(found._asdict())
    else:
        click.echo(f"journals recorded: {found.journals}, waiting: {found.waiting}; dead runs labelled: {found.labelled}")
    _exit(found_trouble=found.waiting > 0)


@main.command()
@_path_and_json
def selftest(path: Path, as_json: bool) -> None:  # noqa: FBT001 - as init
    """Record a run of pipeline "test" as a pipeline would, and check that it is in the database.

    It has a step that succeeds, one that fails, one that reports two item errors, and one that reports three by number. So
    its outcome is partial.

    Exit code 1: it was not stored as it should be.

    \b
    --json:  {"run_id": number, "run_uid": text, "problems": [text, ...]}
      run_id    row id, null when nothing was stored
      problems  what is not as it should be
    """
    trace_id = _record_test_run(path)
    with Reader(path) as reader:
        row = next((row for row in reader.runs(pipeline="test", limit=10) if row.trace_id == trace_id), None)
        problems = ["no run was stored"] if row is None else list(_problems(reader, row))
    if as_json:
        _print_json({"run_id": row and row.id, "run_uid": row and row.run_uid, "problems": problems})
    elif problems:
        _note("; ".join(problems))
    elif row is not None:
        click.echo(f"Run tracker test complete, run_id: {row.id}")
    _exit(found_trouble=bool(problems))
