"""The command ``otel-sqlite``: parses, calls, prints. Only ``selftest`` loads the SDK, and only who draws a table loads rich."""

# ruff: noqa: D301 - a backspace in a docstring is how click is told to leave the lines of a paragraph alone

import sys

from otel_sqlite.errors import MissingExtraError

try:
    import click
except ModuleNotFoundError as _error:  # this package is a program: whoever imports it wants to run it
    if _error.name != "click":
        raise
    sys.stderr.write(f"{MissingExtraError('otel-sqlite', 'cli')}\n")
    sys.exit(2)

from otel_sqlite.cli.frame import Commands
from otel_sqlite.cli.keeping import forget, prune
from otel_sqlite.cli.looking import errors, runs, show
from otel_sqlite.cli.receiving import receive
from otel_sqlite.cli.self_test import selftest
from otel_sqlite.cli.tending import doctor, init, recover


@click.group(name="otel-sqlite", cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
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


for _command in (init, runs, show, errors, recover, doctor, prune, forget, receive, selftest):
    main.add_command(_command)
