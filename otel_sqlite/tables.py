"""Shows rows to people: texts made harmless, times made local, tables drawn. rich is only loaded to draw."""

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import click

from otel_sqlite.model import EndReason, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.text import Text

    from otel_sqlite.doctor.finding import Finding
    from otel_sqlite.store.reader import DropRow, ErrorRow, Ledger, RunRow, StepRow

_STYLES: Final[dict[str, str]] = {
    Outcome.RUNNING: "blue",
    Outcome.SUCCESS: "green",
    Outcome.PARTIAL: "yellow",
    Outcome.FAILURE: "bold red",
}
_LEVELS: Final[dict[str, str]] = {"problem": "red", "note": "yellow", "ok": "green"}  # of ``Level``, without loading the doctor
_REASONS: Final = {
    "sdk_event_limit": "events over the SDK's limit for a span",
    "item_error_limit": "item errors over the limit of a step",
    "unreadable_line": "lines of a journal that cannot be read",
    "unwritten_line": "lines that a journal did not take",
    "unwritten_error": "item errors in lines that a journal did not take",
    "run_id_taken": "runs and steps with the run id of another run",
}
_PIPE_WIDTH: Final = 1_000_000
_LEAST_TEXT: Final = 12
_SHORT_MS: Final = 9_950  # shown with a decimal below


class Column(NamedTuple):
    """One column of a table: numbers stand right, texts may go on in the next line."""

    header: str
    is_number: bool = False
    is_text: bool = False


def printable(text: str) -> str:
    """The text in one line, without anything that a terminal could take for a command or that turns its direction."""
    return "".join(c if c.isprintable() else " " if c.isspace() else c.encode("unicode_escape").decode() for c in text)


def draw(columns: "Sequence[Column]", rows: "Iterable[Sequence[str]]") -> None:
    """Print a table: as wide as the terminal, unless that is too narrow for it; where there is none, one line a row."""
    from rich.console import Console  # noqa: PLC0415 - only who sees a table pays for it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    cells = [[Text(printable(cell), style=_STYLES.get(cell, "")) for cell in row] for row in rows]
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    console.width = max(console.width, _least_width(columns, cells))  # a terminal breaks lines, rich would leave columns out
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for column in columns:
        justify: Literal["left", "right"] = "right" if column.is_number else "left"
        table.add_column(column.header, justify=justify, no_wrap=not column.is_text, overflow="fold")
    for row in cells:
        table.add_row(*row)
    with console.capture() as capture:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def _least_width(columns: "Sequence[Column]", rows: "Sequence[Sequence[Text]]") -> int:
    """Of a table that can be read: whole numbers, times and words, and something of each text."""
    widths = [max([len(column.header), *(row[n].cell_len for row in rows)]) for n, column in enumerate(columns)]
    return sum(min(w, _LEAST_TEXT) if c.is_text else w for c, w in zip(columns, widths, strict=True)) + len(columns) - 1


def draw_runs(rows: "Sequence[RunRow]", now: datetime, is_watched: "Callable[[RunRow], bool]") -> None:
    """One line a run."""
    numbers = [Column(header=header, is_number=True) for header in ("new", "upd", "skip", "fail")]
    columns = [
        Column(header="run", is_number=True),
        Column(header="pipeline", is_text=True),
        Column(header=f"started ({zone(row.started_at for row in rows)})"),
        Column(header="took", is_number=True),
        Column(header="outcome"),
        *numbers,
        Column(header="note", is_text=True),
    ]
    draw(columns, (_run_cells(row, now, is_watched) for row in rows))


def draw_steps(rows: "Sequence[StepRow]", *, is_running: bool) -> None:
    """One line a step of one run."""
    numbers = [Column(header=header, is_number=True) for header in ("created", "updated", "skipped", "failed")]
    columns = [
        Column(header="step", is_text=True),
        Column(header="outcome"),
        Column(header="took", is_number=True),
        *numbers,
        Column(header="note", is_text=True),
    ]
    draw(columns, (_step_cells(row, is_running=is_running) for row in rows))


def draw_errors(rows: "Sequence[ErrorRow]") -> None:
    """One line an error, of any run."""
    columns = [
        Column(header=f"time ({zone(row.created_at for row in rows)})"),
        Column(header="run", is_number=True),
        Column(header="pipeline", is_text=True),
        Column(header="step", is_text=True),
        Column(header="item", is_text=True),
        Column(header="message", is_text=True),
    ]
    draw(
        columns,
        ((local(e.created_at), str(e.run_id), e.pipeline, e.step, e.item_id or "-", message(e)) for e in rows),
    )


def draw_run_errors(rows: "Sequence[ErrorRow]") -> None:
    """One line an error of one run."""
    columns = [Column(header=header, is_text=True) for header in ("step", "item", "message")]
    draw(columns, ((e.step, e.item_id or "-", message(e)) for e in rows))


def draw_findings(findings: "Sequence[Finding]") -> None:
    """One line a condition, the worst first, and below a problem what to do."""
    for level in sorted({finding.level for finding in findings}, key=list(_LEVELS).index):
        for finding in findings:
            if finding.level is level:
                click.echo(f"{click.style(f'{level:<8}', fg=_LEVELS[level])} {finding.condition}: {printable(finding.facts)}")
                if finding.remedy:
                    click.echo(f"           -> {printable(finding.remedy)}")


def run_line(row: "RunRow") -> str:
    """What is to be said of a run in one line, without anything that changes by itself."""
    notes = "; ".join(part for part in (ending(row), *row.open_steps) if part)
    counts = f"{row.created} created, {row.updated} updated, {row.skipped} skipped, {row.failed} failed"
    return f"run {row.id}, {row.pipeline}: {row.outcome} ({counts}){notes and f' {notes}'}"


def step_line(row: "StepRow") -> str:
    """As ``run_line``, of a step."""
    counts = f"{row.created} created, {row.updated} updated, {row.skipped} skipped, {row.failed} failed"
    reason = row.skip_reason or ending(row)
    return f"step {row.name}: {row.outcome or 'open'} ({counts}){reason and f' {reason}'}"


def head(row: "RunRow", parent: "RunRow | None", children: "Iterable[RunRow]") -> "Iterator[str]":
    """What is to be said of a run before its steps, in lines."""
    times = [time for time in (row.started_at, row.finished_at) if time]
    ended = ": ".join(part for part in (ending(row), row.end_evidence) if part)
    process = " ".join(part for part in (row.host, row.pid and f"pid {row.pid}") if part)
    lines = {
        "run id": row.run_uid,
        "started": f"{local(row.started_at)} ({zone(times)})",
        "finished": row.finished_at and local(row.finished_at),
        "last sign": row.last_seen_at and row.finished_at is None and local(row.last_seen_at),
        "took": duration(row.duration_ms),
        "ended by": ended,
        "process": process,
        "trace": row.trace_id,
        "started by": row.parent_run_id and (f"run {parent.id}, {parent.pipeline}" if parent else row.parent_run_id),
        "items": f"{row.created} created, {row.updated} updated, {row.skipped} skipped, {row.failed} failed",
        "recovered": row.recovered and f"{row.recovered} starts, ends and errors, from the journal of its dead process",
        "has started": ", ".join(f"run {child.id}, {child.pipeline}: {child.outcome}" for child in children),
    }
    yield f"run {row.id}, {row.pipeline}: {row.outcome}"
    for name, value in lines.items():
        if value:
            yield f"  {name:<12}{value}"


def message(error: "ErrorRow") -> str:
    """What went wrong, and the class of the exception that said so."""
    if error.error_type is None:
        return error.message
    name = error.error_type.rpartition(".")[2]
    says_nothing = error.message in {name, error.error_type}  # it was stored with its class in place of a message
    return name if says_nothing else f"{name}: {error.message}"


def dropped(rows: "Iterable[DropRow]") -> str:
    """What was not recorded, and why."""
    return ", ".join(f"{row.dropped} ({_REASONS.get(row.reason, row.reason)})" for row in rows)


def ledger(of: "Ledger") -> str:
    """What became of item errors."""
    missing = f", {of.missing} deleted since, or not applied yet" if of.missing else ""
    return f"{of.offered} offered, {of.stored} stored, {of.dropped} dropped{missing}"


def ending(row: "RunRow | StepRow") -> str:
    """Why it ended, when that is worth saying."""
    return "" if row.end_reason in (None, EndReason.OK) else str(row.end_reason)


def duration(ms: int | None) -> str:
    """``0.4s``, ``45s``, ``2m 30s``, ``1h 5m``; empty when it is not known."""
    if ms is None:
        return ""
    if ms < _SHORT_MS:
        return f"{ms / 1000:.1f}s"
    seconds = round(ms / 1000)
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return f"{hours}h {minutes % 60}m"
    return f"{minutes}m {seconds % 60}s" if minutes else f"{seconds}s"


def local(stored: str | None) -> str:
    """The time in the zone of this machine; what is no time, as it is."""
    moment = _moment(stored)
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else stored or ""


def zone(stored: "Iterable[str]") -> str:
    """The name of the zone of this machine at these times: two where summer time changed between them."""
    moments = [moment for time in stored if (moment := _moment(time))]
    return "/".join(dict.fromkeys(moment.tzname() or "" for moment in moments))


def _moment(stored: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(stored or "").astimezone()
    except (ValueError, OverflowError):
        return None


def _run_cells(row: "RunRow", now: datetime, is_watched: "Callable[[RunRow], bool]") -> "list[str]":
    return [
        str(row.id),
        row.pipeline,
        local(row.started_at)[:16],
        duration(_elapsed_ms(row, now)),
        row.outcome or "",
        *map(str, (row.created, row.updated, row.skipped, row.failed)),
        ", ".join(_run_notes(row, is_watched)),
    ]


def _run_notes(row: "RunRow", is_watched: "Callable[[RunRow], bool]") -> "Iterable[str]":
    if row.outcome == Outcome.RUNNING:
        yield from row.open_steps
        if not is_watched(row):
            yield "not watched"
    elif reason := ending(row):
        yield reason
    if row.dropped:
        yield f"{row.dropped} not recorded"


def _elapsed_ms(row: "RunRow", now: datetime) -> int | None:
    """The duration, of a running run so far."""
    if row.outcome != Outcome.RUNNING or (started := _moment(row.started_at)) is None:
        return row.duration_ms
    return max(int((now - started).total_seconds() * 1000), 0)


def _step_cells(row: "StepRow", *, is_running: bool) -> "list[str]":
    outcome = row.outcome or (Outcome.RUNNING if is_running else "not ended")
    return [
        row.name,
        outcome,
        duration(row.duration_ms),
        *map(str, (row.created, row.updated, row.skipped, row.failed)),
        row.skip_reason or ending(row),
    ]
