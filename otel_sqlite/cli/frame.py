"""What every command works in: errors as one line, exit codes, the options that all have, and how an answer is printed."""

import errno
import json
import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from otel_sqlite import tables
from otel_sqlite.applier import recover
from otel_sqlite.errors import OtelSqliteError, StoreError
from otel_sqlite.settings import database_path
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

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the arguments; --help and --version are answered here already."""
        if not sys.stdout:  # closed (``>&-``): whoever did that wants the exit code alone
            sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - until the process ends
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):  # a terminal that knows fewer characters shows the rest as escapes
                stream.reconfigure(errors="backslashreplace")
        with _in_one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        with _in_one_line():
            return super().invoke(ctx)


@contextmanager
def _in_one_line() -> "Iterator[None]":
    try:
        yield
    except OtelSqliteError as error:
        raise UnreadableError(str(error)) from error
    except OSError as error:
        # At EPIPE the reader has seen enough: click knows what to do.
        if error.errno == errno.EPIPE or _takes_more():
            raise
        _forget_output()
        raise UnreadableError(f"the answer could not be given: {error}") from error


def _takes_more() -> bool:
    """Whether stdout can be written: the error alone does not tell what failed, to write the answer or something before."""
    try:
        click.echo()
    except OSError:
        return False
    return True


def characters(argument: str) -> str:
    """A name as the database has it: where the locale lacks a character, Python makes an argument of its bytes instead."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return os.fsencode(argument).decode("utf-8", "replace")
    return argument


def _forget_output() -> None:
    """What could not be written would be tried again at exit, and change the exit code."""
    with Path(os.devnull).open("w") as nowhere, suppress(OSError, ValueError):
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def path_option(command: "Callable[..., None]") -> "Callable[..., None]":
    """Give a command the option that says where the database is: ``path`` is absolute then."""
    return click.option(
        "--path",
        type=click.Path(),
        callback=lambda _ctx, _param, value: database_path(value),
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
