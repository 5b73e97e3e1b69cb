"""The command that says whether all is well, and mends what is not: doctor."""

# ruff: noqa: D301 - a backspace in a docstring is how click is told to leave the lines of a paragraph alone

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from otel_sqlite import applier, tables
from otel_sqlite.cli.frame import leave, note, path_and_json, print_json
from otel_sqlite.doctor import Level, examine
from otel_sqlite.errors import HealthyDatabaseError, StoreError
from otel_sqlite.store import repair

_RECOVER_TIMEOUT_S: Final = 60.0
_WRITE_TIMEOUT_S: Final = 10.0


@click.command()
@click.option("--full", is_flag=True, help="Look at every page and every index, however long it takes.")
@click.option("--repair", "is_repair", is_flag=True, help="Build a damaged database anew; see above.")
@path_and_json
def doctor(*, path: Path, full: bool, is_repair: bool, as_json: bool) -> None:
    """Examine the database and all that it needs, and say what to do: a line for each condition.

    Looking changes nothing. With --repair, a damaged database is moved aside and kept; a new one takes its place, with every
    row that can still be read and with what the journals hold. Pipelines may go on meanwhile: what they record waits in their
    journals. A database that is whole, or that belongs to something else, is never touched.

    \b
    otel-sqlite doctor
    otel-sqlite doctor --full
    otel-sqlite doctor --repair

    Exit code 1: there is at least one problem.

    \b
    --json:  {"path": "...", "findings": [FINDING, ...], "repaired": null | REPAIRED}
      FINDING   condition  a name that stays as it is
                level      ok, note, problem
                facts      what was seen
                remedy     what to do; empty when there is nothing to do
      REPAIRED  aside      where the damaged file is now
                tables     {"runs": {"kept": number, "lost": number}, "run_steps": ..., ...}
                journals   of dead processes, recorded afterwards
    """
    repaired = _repair(path) if is_repair else None
    findings = examine(path, is_full=full, now_ns=time.time_ns())
    if as_json:
        print_json({"path": str(path), "findings": [asdict(finding) for finding in findings], "repaired": repaired})
    else:
        if repaired is not None:
            _tell_of_repair(repaired)
        tables.draw_findings(findings)
    leave(found_trouble=any(finding.level is Level.PROBLEM for finding in findings))


def _repair(path: Path) -> dict[str, Any] | None:
    """Repair what is damaged; None when nothing is."""
    try:
        repaired = repair.repair(path, _WRITE_TIMEOUT_S)
    except HealthyDatabaseError as error:
        note(str(error))
        return None
    counts = {name: table._asdict() for name, table in repaired.tables.items()}
    return {"aside": str(repaired.aside), "tables": counts, "journals": _recovered_journals(path)}


def _recovered_journals(path: Path) -> int:
    try:
        return applier.recover(path, _RECOVER_TIMEOUT_S).journals
    except StoreError as error:  # it is not to hide what was lost
        note(str(error))
        return 0


def _tell_of_repair(repaired: dict[str, Any]) -> None:
    click.echo(f"the damaged database is kept as {tables.printable(repaired['aside'])}")
    for name, counts in repaired["tables"].items():
        click.echo(f"  {name:<12}{counts['kept']} kept, {counts['lost']} lost")
    click.echo(
        f"  journals of dead processes that were recorded: {repaired['journals']}; live processes write theirs by themselves"
    )
