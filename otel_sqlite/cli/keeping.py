"""The commands that decide what is kept: prune and forget."""

# ruff: noqa: D301 - a backspace in a docstring is how click is told to leave the lines of a paragraph alone

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from otel_sqlite import forget as forgetting
from otel_sqlite import tables
from otel_sqlite.cli.frame import characters, leave, note, path_and_json, print_json, reading
from otel_sqlite.settings import Settings
from otel_sqlite.store import retention
from otel_sqlite.store.reader import Reader

_WRITE_TIMEOUT_S: Final = 10.0
_PROGRESS_S: Final = 1.0
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Space:
    """Bytes given back to the disk, and those that are free inside the file."""

    given_back: int
    free: int


@click.command()
@click.option("--days", metavar="N", type=click.IntRange(1, 100_000), help="Age of runs; by default OTEL_SQLITE_RETENTION_DAYS.")
@click.option(
    "--error-days",
    metavar="N",
    type=click.IntRange(1, 100_000),
    default=retention.ERROR_DAYS,
    show_default=True,
    help="Age of error rows; never more than that of runs.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")
@click.option("--vacuum", is_flag=True, help="Write the whole file anew at the end; see above.")
@path_and_json
def prune(  # noqa: PLR0913 - an option each
    *, path: Path, days: int | None, error_days: int, dry_run: bool, vacuum: bool, as_json: bool
) -> None:
    """Delete what is older than it is kept: runs with all that belongs to them, and, earlier, error rows.

    Pipelines do this by themselves, once a day after a run. What is running stays, and of each pipeline the last run that
    has ended, however old. A run whose error rows are gone still has its counts. It works in small chunks: pipelines go on
    recording in between. Runs of the tracker that came before are deleted alike.

    The file shrinks by itself, unless an older version or the tracker that came before has made it: there the space is used
    again inside the file. --vacuum gives it back once, and from then on the file shrinks by itself. It needs as much room
    again as the file has, and recording waits for it (some seconds for a GB); nothing is lost by that.

    \b
    otel-sqlite prune --dry-run
    otel-sqlite prune --days 30 --error-days 7

    \b
    --json:  {"runs": number, "steps": number, "errors": number, "drops": number, "bytes": number,
              "free_bytes": number, "dry_run": true | false}
      runs, steps, errors  rows deleted, or that would be
      drops                rows that said what could not be recorded of these runs
      bytes                given back to the disk
      free_bytes           free inside the file
    """
    keep = retention.Keep.of_days(days or Settings.from_env(path).retention_days, time.time_ns(), error_days)
    with reading(path) as reader:
        expired = reader.expired(keep) if dry_run else None
    pruned = expired or _prune(path, keep)
    space = _vacuum(path, pruned) if vacuum and not dry_run else _Space(given_back=pruned.bytes, free=_free(path))
    if as_json:
        print_json({**pruned._asdict(), "bytes": space.given_back, "free_bytes": space.free, "dry_run": dry_run})
    else:
        click.echo(f"{'would be deleted' if dry_run else 'deleted'}: {_counted(pruned)}")
        click.echo(
            f"given back to the disk: {space.given_back / _MIB:.1f} MiB; free inside the file: {space.free / _MIB:.1f} MiB"
        )


def _prune(path: Path, keep: retention.Keep) -> retention.Pruned:
    """Prune to the end, and say once a second how far it is."""
    done, said_at = retention.Pruned(), time.monotonic()
    for done in retention.prune(path, keep, _WRITE_TIMEOUT_S):
        if time.monotonic() - said_at >= _PROGRESS_S:
            said_at = time.monotonic()
            note(f"deleted so far: {_counted(done)}")
    return done


def _vacuum(path: Path, pruned: retention.Pruned) -> _Space:
    free = _free(path)
    retention.rewrite(path, _WRITE_TIMEOUT_S)
    return _Space(given_back=pruned.bytes + free, free=_free(path))


def _free(path: Path) -> int:
    with Reader(path) as reader:
        return reader.free_bytes


def _counted(pruned: retention.Pruned) -> str:
    return f"{pruned.runs} runs, {pruned.steps} steps, {pruned.errors} error rows"


@click.command()
@click.option(
    "--item",
    "items",
    metavar="I",
    type=characters,
    required=True,
    multiple=True,
    help="An item id or an address; may be given again.",
)
@path_and_json
def forget(*, path: Path, items: tuple[str, ...], as_json: bool) -> None:
    """Remove a person, or any item, from the database and from what lies beside it.

    First, what processes left behind that have ended is recorded. Then, for each --item:

    \b
    deleted  error rows with exactly this item id
    masked   its mentions in the texts of all other rows (messages, stacks, item ids, details,
             summaries, reasons) become [forgotten]: as a whole word of at least four
             characters, in capitals or not, also as web addresses write it
    kept     counts, and numbers in details and summaries: they name nobody

    Then the file is written anew, so that nothing is left of it in free pages, and its WAL is emptied. That needs as much
    room again as the file has, and recording waits for it (some seconds for a GB).

    What lies beside the database and still mentions an item is named: journals of live processes, by pid and pipeline, which
    are gone when the process ends, and files that somebody moved aside. Run it again after them. Backups, log files, what
    collectors were sent, what exporters have not written yet, and what the pipelines remember are not touched.

    \b
    otel-sqlite forget --item ABCD12X --item jan@example.org

    Exit code 1: something still has it.

    \b
    --json:  {"errors": number, "masked": {"errors": number, "steps": number, "runs": number},
              "journals": number, "held": [HELD, ...]}
      errors    rows deleted
      masked    rows in which something was masked
      journals  of dead processes, recorded and deleted before
      HELD      file       text    what still mentions an item
                pid        number  of the live process whose journal it is; null: of none
                pipelines  list    what that process runs, or ran
    """
    if not all(items):
        raise click.BadParameter("an empty one is nobody", param_hint="--item")
    done = forgetting.forget(path, items, _WRITE_TIMEOUT_S)
    removed = done.removed
    masked = {"errors": removed.masked_errors, "steps": removed.masked_steps, "runs": removed.masked_runs}
    if as_json:
        held = [holder._asdict() for holder in done.holders]
        print_json({"errors": removed.errors, "masked": masked, "journals": done.journals, "held": held})
    else:
        click.echo(f"error rows deleted: {removed.errors}")
        click.echo("masked in: " + ", ".join(f"{number} {what}" for what, number in masked.items()))
        for holder in done.holders:
            note(_still_held(holder))
    leave(found_trouble=bool(done.holders))


def _still_held(holder: forgetting.Holder) -> str:
    if holder.pid is None:
        return f"still in {holder.file}: delete it if nobody needs it, or run this again later"
    pipelines = ", ".join(map(tables.printable, holder.pipelines)) or "no run yet"
    return f"still in the journal of process {holder.pid} ({pipelines}): run this again when it has ended"
