"""The commands that tend the database and what lies beside it: init and recover."""

# ruff: noqa: D301 - a backspace in a docstring is how click is told to leave the lines of a paragraph alone

from pathlib import Path
from typing import Final

import click

from otel_sqlite import applier, tables
from otel_sqlite.cli.frame import leave, path_and_json, print_json
from otel_sqlite.store import adopt
from otel_sqlite.store.reader import Reader

_RECOVER_TIMEOUT_S: Final = 60.0
_WRITE_TIMEOUT_S: Final = 10.0


@click.command()
@path_and_json
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
        print_json({"path": str(path), "action": action})
    else:
        words = {"created": "created", "adopted": "adopted, with the rows it had", "unchanged": "is ready, nothing to do"}
        click.echo(f"{tables.printable(str(path))}: {words[action]}")


@click.command()
@path_and_json
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
    found = applier.recover(path, _RECOVER_TIMEOUT_S)
    if as_json:
        print_json(found._asdict())
    else:
        click.echo(f"journals recorded: {found.journals}, waiting: {found.waiting}; dead runs labelled: {found.labelled}")
    leave(found_trouble=found.waiting > 0)


def _init_action(path: Path) -> str:
    try:
        if not path.stat().st_size:
            return "created"
    except OSError:
        return "created"  # what else may be wrong with the path is said by who creates it
    with Reader(path) as reader:
        return "unchanged" if reader.is_current else "adopted"
