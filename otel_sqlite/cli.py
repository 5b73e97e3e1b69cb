"""The command ``otel-sqlite``: parses, calls, prints. Only ``selftest`` loads the SDK, and only who draws a table loads rich."""

# ruff: noqa: D301 - a backspace in a docstring is how click is told to leave the lines of a paragraph alone

import json
import re
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from otel_sqlite.applier import recover as recover_journals
from otel_sqlite.errors import MissingExtraError, OtelSqliteError, StoreError
from otel_sqlite.journal import host
from otel_sqlite.model import ItemError, Outcome, timestamp
from otel_sqlite.settings import Settings
from otel_sqlite.store import adopt
from otel_sqlite.store.reader import Reader, RunRow, StepRow

try:
    import click

    from otel_sqlite import tables
except ModuleNotFoundError as _error:  # this module is a program: whoever imports it wants to run it
    if _error.name != "click":
        raise
    sys.stderr.write(f"{MissingExtraError('otel-sqlite', 'cli')}\n")
    sys.exit(2)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_TROUBLE: Final = frozenset({Outcome.FAILURE, Outcome.PARTIAL})
_REFRESH_TIMEOUT_S: Final = 1.0
_RECOVER_TIMEOUT_S: Final = 60.0
_WRITE_TIMEOUT_S: Final = 10.0
_SHOWN_ERRORS: Final = 20
_LISTED_ERRORS: Final = 50
_DAY_S: Final = 86_400
_AGE: Final = re.compile(r"(\d{1,9})([mhdw])")
_AGE_UNITS_S: Final = {"m": 60, "h": 3_600, "d": _DAY_S, "w": 7 * _DAY_S}


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
def init(*, path: Path, as_json: bool) -> None:
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
        click.echo(f"{tables.printable(str(path))}: {words[action]}")


@main.command()
@click.option("--pipeline", metavar="P", help="Only runs of this pipeline.")
@click.option("--outcome", type=click.Choice([o.value for o in Outcome if o is not Outcome.SKIPPED]), help="Only these.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), default=20, show_default=True, help="How many at most.")
@_path_and_json
def runs(*, path: Path, pipeline: str | None, outcome: str | None, limit: int, as_json: bool) -> None:
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
        tables.draw_runs(rows, datetime.now(UTC), _is_watched)
    else:
        click.echo("no runs")
    if lost:
        _note(f"not recorded, of no run that is known: {tables.dropped(lost)}")
    _exit(found_trouble=_is_any_pipeline_in_trouble(rows))


@main.command()
@click.argument("run")
@_path_and_json
def show(*, path: Path, run: str, as_json: bool) -> None:
    """Show one run: its steps, its errors, and what could not be recorded.

    RUN is the number in the first column of "otel-sqlite runs", the run id or its unique beginning, a pipeline: its
    newest run, or "latest": the run that started last of all.

    \b
    otel-sqlite show latest
    otel-sqlite show people
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
@click.option("--since", metavar="D", callback=_since, help="Only since a date, a time or an age: 2026-02-08, 36h, 7d.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="How many at most; 50, or all of one run.")
@_path_and_json
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
    with _reading(path) as reader:
        run_id = None if run is None else _the_run(reader, run).id
        most = limit or (_LISTED_ERRORS if run_id is None else -1)
        rows = reader.errors(run_id=run_id, pipeline=pipeline, item=item, since=since, limit=most)
    if as_json:
        _print_json({"errors": [asdict(row) for row in rows]})
    elif rows:
        tables.draw_errors(rows)
        if limit is None and len(rows) == most:
            _note(f"these are the newest {most}: --limit shows more")
    else:
        click.echo("no errors")
    _exit(found_trouble=bool(rows))


@main.command()
@_path_and_json
def recover(*, path: Path, as_json: bool) -> None:
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
def selftest(*, path: Path, as_json: bool) -> None:
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


def _init_action(path: Path) -> str:
    try:
        if not path.stat().st_size:
            return "created"
    except OSError:
        return "created"  # what else may be wrong with the path is said by who creates it
    with Reader(path) as reader:
        return "unchanged" if reader.is_current else "adopted"


@contextmanager
def _reading(path: Path) -> "Iterator[Reader]":
    """The database, after what dead processes left behind was recorded, as far as a second allows."""
    behind = _refresh(path)
    with Reader(path) as reader:
        if behind:
            _note(behind)
        yield reader


def _refresh(path: Path) -> str | None:
    """Record what dead processes left behind; returns what to say when that did not succeed."""
    try:
        waiting = recover_journals(path, _REFRESH_TIMEOUT_S).waiting
    except StoreError as error:
        return f"what follows may lack the last moments of processes that died: {error}"
    return f"journals of dead processes that are not recorded yet: {waiting} (run 'otel-sqlite recover')" if waiting else None


def _the_run(reader: Reader, name: str) -> RunRow:
    match reader.find(name):
        case [row]:
            return row
        case []:
            raise _UnreadableError(f"there is no run {name!r}: 'otel-sqlite runs' lists them")
        case _:
            raise _UnreadableError(f"more than one run id begins with {name!r}: give more of it")


def _run_document(reader: Reader, row: RunRow) -> dict[str, object]:
    return {
        "run": {**asdict(row), "summary": _parsed(reader.summary(row.id))},
        "steps": [_step_document(step) for step in reader.steps(row.id)],
        "errors": [asdict(error) for error in reader.errors(run_id=row.id)],
        "drops": [asdict(drop) for drop in reader.drops(row.id)],
        "children": [asdict(child) for child in _children(reader, row)],
    }


def _step_document(step: StepRow) -> dict[str, object]:
    document = asdict(step)
    del document["detail_json"]
    return {**document, "detail": _parsed(step.detail_json)}


def _print_run(reader: Reader, row: RunRow) -> None:
    parents = reader.find(row.parent_run_id) if row.parent_run_id else []
    for line in tables.head(row, parents[0] if parents else None, _children(reader, row)):
        click.echo(tables.printable(line))
    is_running = row.outcome == Outcome.RUNNING
    if is_running and not _is_watched(row):
        click.echo("  not watched: whether its process lives cannot be seen from here")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _TestResult:
    created: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0
    errors: tuple[ItemError, ...] | int = ()


class _TestError(Exception):
    """The failure that the self-test records."""


# Name, outcome, created, updated, skipped, failed of what the self-test records.
_TEST_STEPS: Final = [
    ("success", "success", 1, 2, 3, 0),
    ("failing", "failure", 0, 0, 0, 0),
    ("list-errors", "partial", 4, 0, 0, 2),
    ("numeric-errors", "partial", 0, 5, 0, 3),
]
_TEST_ERRORS: Final = [
    ("failing", None, "this step fails on purpose"),
    ("list-errors", "TEST001", "first item error"),
    ("list-errors", "TEST002", "second item error"),
    ("numeric-errors", None, "Step reported 3 error(s)"),
]


def _record_test_run(path: Path) -> str:
    """Record the run of the self-test; returns its trace id."""
    # What other commands never load.
    from opentelemetry import trace  # noqa: PLC0415

    from otel_sqlite import configure, run  # noqa: PLC0415

    configure(path)
    with run("test") as tracker:
        trace_id = trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
        with tracker.step("success") as step:
            step.record(_TestResult(created=1, updated=2, skipped=3))
        with suppress(_TestError), tracker.step("failing"):
            raise _TestError(_TEST_ERRORS[0][2])
        with tracker.step("list-errors") as step:
            listed = tuple(ItemError(item, message) for name, item, message in _TEST_ERRORS if name == "list-errors")
            step.record(_TestResult(created=4, errors=listed))
        with tracker.step("numeric-errors") as step:
            step.record(_TestResult(updated=5, errors=3))
        tracker.summarize({"test": True})
    flush: Callable[[], object] | None = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush is not None:  # the API's provider, where the SDK is disabled, has none
        flush()
    return trace_id


def _problems(reader: Reader, row: RunRow) -> "Iterator[str]":
    """What of the self-test's run is not stored as it was recorded."""
    steps = [(s.name, s.outcome, s.created, s.updated, s.skipped, s.failed) for s in reader.steps(row.id)]
    errors = [(e.step, e.item_id, e.message) for e in reader.errors(run_id=row.id)]
    expected = {
        "outcome": (Outcome.PARTIAL, row.outcome),
        "counts": ((5, 7, 3, 5), (row.created, row.updated, row.skipped, row.failed)),
        "summary": ({"test": True}, _parsed(reader.summary(row.id))),
        "steps": (_TEST_STEPS, steps),
        "errors": (_TEST_ERRORS, errors),
    }
    for what, (recorded, stored) in expected.items():
        if recorded != stored:
            yield f"{what}: recorded {recorded}, stored {stored}"


def _parsed(text: str | None) -> object:
    """The value of a JSON column; the text itself when it is no JSON."""
    try:
        return text and json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text


def _no_constant(name: str) -> NoReturn:
    """NaN and Infinity are no JSON: whoever reads our output could not read them."""
    raise ValueError(name)


def _print_json(document: object) -> None:
    # ASCII alone: no terminal finds a command in it, no locale fails on it.
    click.echo(json.dumps(document, indent=2))


def _note(text: str) -> None:
    click.echo(f"otel-sqlite: {tables.printable(text)}", err=True)


def _exit(*, found_trouble: bool) -> NoReturn:
    sys.exit(1 if found_trouble else 0)
