"""What every command works in: errors as one line, exit codes, the options that all have, and how an answer is printed."""

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from otel_sqlite import tables
from otel_sqlite.applier import recover
from otel_sqlite.errors import OtelSqliteError, StoreError
from otel_sqlite.settings import Settings
from otel_sqlite.store.reader import Ledger, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_REFRESH_TIMEOUT_S: Final = 1.0


class UnreadableError(click.ClickException):
    """Nothing could be answered."""

    exit_code = 2

    def show(self, file: object = None) -> None:  # noqa: ARG002 - click passes it where it wants another stream
        """Say it as the other notes are said."""
        note(self.message)


class Commands(click.Group):
    """Turns our errors into one line and exit code 2, whatever the command."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):  # a terminal that knows fewer characters shows the rest as escapes
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except OtelSqliteError as error:
            raise UnreadableError(str(error)) from error


def path_option(command: "Callable[..., None]") -> "Callable[..., None]":
    """Give a command the option that says where the database is: ``path`` is absolute then."""
    return click.option(
        "--path",
        type=click.Path(),
        callback=lambda _ctx, _param, value: Settings.from_env(value).path,
        help="The dashboard database; by default OTEL_SQLITE_PATH, else data/dashboard.sqlite.",
    )(command)


def path_and_json(command: "Callable[..., None]") -> "Callable[..., None]":
    """Give a command the two options that all have that answer: ``path`` is absolute then."""
    return path_option(click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")(command))


@contextmanager
def reading(path: Path, say: "Callable[[str], None] | None" = None) -> "Iterator[Reader]":
    """The database, after what dead processes left behind was recorded; ``say`` is told when a second was not enough."""
    behind = _refresh(path)
    with Reader(path) as reader:
        if behind:
            (say or note)(behind)
        yield reader


def _refresh(path: Path) -> str | None:
    """Record what dead processes left behind; returns what to say when that did not succeed."""
    try:
        waiting = recover(path, _REFRESH_TIMEOUT_S).waiting
    except StoreError as error:
        return f"what follows may lack the last moments of processes that died: {error}"
    return f"journals of dead processes that are not recorded yet: {waiting} (run 'otel-sqlite recover')" if waiting else None


def parsed(text: str | None) -> object:
    """The value of a JSON column; the text itself when it is no JSON."""
    try:
        return text and json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text


def ledger_document(ledger: Ledger) -> dict[str, int]:
    """What became of item errors, as --json has it."""
    return {**ledger._asdict(), "missing": ledger.missing}


def _no_constant(name: str) -> NoReturn:
    """NaN and Infinity are no JSON: whoever reads our output could not read them."""
    raise ValueError(name)


def print_json(document: object) -> None:
    """The answer for a script."""
    # ASCII alone: no terminal finds a command in it, no locale fails on it.
    click.echo(json.dumps(document, indent=2))


def note(text: str) -> None:
    """One line beside the answer, on stderr."""
    click.echo(f"otel-sqlite: {tables.printable(text)}", err=True)


def leave(*, found_trouble: bool) -> NoReturn:
    """End the command: exit code 0 or 1."""
    sys.exit(1 if found_trouble else 0)
