"""Examines the dashboard database and all that it needs: a line for each condition, with what to do about it.

Looking changes nothing: no journal is applied, no database made.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from otel_sqlite.doctor import content, place, records, surroundings
from otel_sqlite.doctor.finding import Case, Finding, Findings, Level, problem, quoted
from otel_sqlite.errors import StoreError

__all__ = ["Finding", "Level", "examine"]

_Check = Callable[[Case], Findings]

# What is said when a check finds nothing.
_OF_THE_MACHINE: Final[dict[str, tuple[_Check, str]]] = {
    "settings": (surroundings.settings_make_sense, "every OTEL_* variable is understood"),
    "sending": (surroundings.sent_spans_are_scrubbed, "no exporter of others is named that would not scrub"),
    "extras": (surroundings.extras_are_there, "what the settings need is installed"),
    "sqlite": (surroundings.sqlite_is_sound, f"SQLite {sqlite3.sqlite_version}"),
    "file": (place.is_there, "there"),
    "file-system": (place.is_local, "local"),
    "space": (place.has_room, "enough"),
    "rights": (place.is_writable, "this user may write"),
    "owner": (place.has_one_owner, "one user owns all"),
    "privacy": (place.is_private, "others cannot look into it"),
    "journals": (records.journals_are_applied, "none of a dead process is waiting"),
    "odd-journals": (records.journals_are_ours, "none"),
    "mutex": (content.is_mutex_free, "writers get their turn"),
}
_OF_A_FILE: Final[dict[str, tuple[_Check, str]]] = {
    "schema": (content.is_ours, "of this version"),
    "integrity": (content.is_whole, "whole"),
}
_OF_A_DASHBOARD: Final[dict[str, tuple[_Check, str]]] = {
    "lock": (content.is_unlocked, "nobody else holds it"),
    "wal": (content.has_small_log, "small"),
    "losses": (records.nothing_is_lost, "nothing was dropped in the last 7 days"),
    "running": (records.running_is_watched, "every running run is watched"),
    "other-writers": (records.nobody_deletes, "none"),
    "clock": (records.times_are_past, "no run began in the future"),
}
# With these there is nothing to look into, or it may not be opened.
_STOPS: Final = frozenset(
    {
        "no-database",
        "impossible-path",
        "not-a-file",
        "closed",
        "wrong-user",
        "little-space",
        "foreign-database",
        "newer-version",
        "damaged",
    }
)
_UNREADABLE: Final = frozenset({"damaged", "impossible-path", "closed", "foreign-database"})  # that once is enough


def examine(path: Path, *, is_full: bool, now_ns: int) -> list[Finding]:
    """Everything that is to be said of the database at this path.

    Args:
        path: Absolute.
        is_full: Look at every page and every index, however long it takes.
        now_ns: The time now.
    """
    case = Case(path=path, is_full=is_full, now_ns=now_ns)
    findings: list[Finding] = []
    for checks in (_OF_THE_MACHINE, _OF_A_FILE, _OF_A_DASHBOARD):
        for name, (check, fine) in checks.items():
            if _UNREADABLE.isdisjoint(finding.condition for finding in findings):
                findings += _look(name, check, fine, case)
        if not _STOPS.isdisjoint(finding.condition for finding in findings):
            break
    if any(finding.condition == "foreign-database" for finding in findings):  # who may look into it is not for us to say
        return [finding for finding in findings if finding.condition != "wrong-mode"]
    return findings


def _look(name: str, check: _Check, fine: str, case: Case) -> list[Finding]:
    """What one check finds, or that it finds nothing, or that it could not look."""
    try:
        return list(check(case)) or [Finding(condition=name, level=Level.OK, facts=fine)]
    except (OSError, sqlite3.Error, StoreError) as error:
        return [problem(name, f"cannot be examined: {error}", quoted("otel-sqlite", "init", "--path", case.path))]
