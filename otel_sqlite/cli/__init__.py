"""The command ``otel-sqlite``: parses, calls, prints. Only ``selftest`` loads the SDK, and only who draws a table loads rich."""

# ruff: noqa: D301 - a backspace in a docstring is how click is told to leave the lines of a paragraph alone

import importlib
import sys
from typing import Final

from otel_sqlite.errors import MissingExtraError

try:
    import click
except ModuleNotFoundError as _error:  # this package is a program: whoever imports it wants to run it
    if _error.name != "click":
        raise
    sys.stderr.write(f"{MissingExtraError('otel-sqlite', 'cli')}\n")
    sys.exit(2)

from otel_sqlite.cli.frame import Commands

_HOMES: Final = {
    "doctor": "examining",
    "errors": "looking",
    "forget": "keeping",
    "init": "tending",
    "prune": "keeping",
    "receive": "receiving",
    "recover": "tending",
    "runs": "looking",
    "selftest": "self_test",
    "show": "looking",
}


class _Program(Commands):
    """Loads a command when it is asked for: some need much that the others do not."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        return sorted(_HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        # For an unknown one all are loaded: among those that it has, click looks for what may have been meant.
        for name in [cmd_name] if cmd_name in _HOMES else _HOMES:
            self.add_command(getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name))
        return super().get_command(ctx, cmd_name)


@click.group(name="otel-sqlite", cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="otel-sqlite")
def main() -> None:
    """See what the pipelines of this machine did: which ran, what changed, what failed.

    \b
    otel-sqlite runs                         the newest runs, all pipelines
    otel-sqlite runs --pipeline people       those of one pipeline
    otel-sqlite show latest                  the last run: steps, errors, what is missing
    otel-sqlite errors --since 7d            what failed in the last seven days
    otel-sqlite errors --item ABCD12X        what failed for one member
    otel-sqlite runs --watch                 what is running, as it goes
    otel-sqlite doctor                       whether all is well, and what to do where it is not

    A running run is one whose process lives: before they answer, the commands record what processes left behind that
    have ended, and label the runs that died with them.

    \b
    Exit code:  0 fine  1 trouble found (each command says what)  2 could not answer

    In scripts, use --json: its keys stay as they are (new ones may be added), times are UTC as stored, durations are in
    milliseconds, and what is not known is null.
    """
