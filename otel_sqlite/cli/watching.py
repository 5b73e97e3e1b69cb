"""Shows an answer again and again: in place on a terminal; elsewhere a plain line for each thing that changed."""

import io
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout, suppress
from typing import Final, NamedTuple

import click

from otel_sqlite import tables
from otel_sqlite.errors import OtelSqliteError

_Command = Callable[..., None]

INTERVAL_S: Final = 1.0
_SHORTEST_S: Final = 0.05
_LONGEST_S: Final = 86_400.0
_PATIENCE_S: Final = (
    10.0  # a database that was replaced lacks a run until its process writes it again, with its next event or tick
)


class Look(NamedTuple):
    """What is to be seen at one moment.

    Attributes:
        draw: Prints all of it.
        lines: What is said of each thing, without anything that changes by itself.
        is_last: Whether nothing can change any more.
    """

    draw: Callable[[], None]
    lines: Mapping[str, str]
    is_last: bool


class _Screen(io.StringIO):
    """Takes what would be printed on a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def watchable(command: _Command) -> _Command:
    """Give a command the options of watching."""
    interval = click.option(
        "--interval",
        "interval_s",
        metavar="S",
        type=float,
        callback=_sensible,
        default=INTERVAL_S,
        show_default=True,
        help="Seconds between two looks of --watch.",
    )
    return click.option("--watch", "is_watching", is_flag=True, help="Go on, and show what changes; Ctrl-C ends it.")(
        interval(command)
    )


def _sensible(_context: click.Context, _parameter: click.Parameter, value: float) -> float:
    if not _SHORTEST_S <= value <= _LONGEST_S:  # what is not a number neither
        raise click.BadParameter(f"{value:g} is not between {_SHORTEST_S} and {_LONGEST_S:g} seconds")
    return value


def watch(look: Callable[[], Look], interval_s: float) -> None:
    """Show what there is to see, until it is the last look or somebody presses Ctrl-C.

    What was seen before stays for some seconds when it cannot be seen again; then the reason is raised.
    """
    show = _in_place if sys.stdout.isatty() else _line_by_line
    stop = _Stop()
    is_heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not so where a shell started it in the background
    if is_heeded:
        signal.signal(signal.SIGINT, stop)
    try:
        with suppress(KeyboardInterrupt):
            show(_looks(look, interval_s, stop))
    finally:
        if is_heeded:
            signal.signal(signal.SIGINT, signal.default_int_handler)


class _Stop:
    """Remembers that Ctrl-C was pressed: what it raises in a destructor or a weak reference's callback, Python throws away."""

    was_pressed = False

    def __call__(self, *_signal: object) -> None:
        self.was_pressed = True
        raise KeyboardInterrupt


def _looks(look: Callable[[], Look], interval_s: float, stop: _Stop) -> Iterator[Look]:
    gives_up_at = 0.0
    while not stop.was_pressed:
        try:
            seen = look()
        except (OtelSqliteError, click.ClickException):
            if time.monotonic() >= gives_up_at:
                raise
        else:
            yield seen
            if seen.is_last:
                return
            gives_up_at = time.monotonic() + _PATIENCE_S
        if not stop.was_pressed:
            time.sleep(interval_s)


def _in_place(looks: Iterator[Look]) -> None:
    from rich.console import Console  # noqa: PLC0415 - only who watches pays for it
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    with Live(console=Console(), auto_refresh=False, redirect_stdout=False) as live:
        for look in looks:
            screen = _Screen()
            with suppress(OtelSqliteError):  # gone since that look: the next one tells
                with redirect_stdout(screen):
                    look.draw()
                live.update(Text.from_ansi(screen.getvalue().rstrip("\n")), refresh=True)


def _line_by_line(looks: Iterator[Look]) -> None:
    said: dict[str, str] = {}
    for look in looks:
        for thing, line in look.lines.items():
            if said.get(thing) != line:
                click.echo(tables.printable(line))
        said.update(look.lines)
        sys.stdout.flush()
