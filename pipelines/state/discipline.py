"""The questions that the pipelines ask of the discipline state file."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from pipelines.state.database import transaction
from pipelines.state.hashing import canonical_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A discipline case as the state knows it.

    Attributes:
        source: The case by Sportlink's names.
        post_id: Its id in Rondo Club.
        person_id: The person that the post is about.
    """

    dossier_id: str
    source: dict[str, Any]
    post_id: int | None
    person_id: int | None
    last_synced_hash: str | None

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Self:
        """Read a row of discipline_cases."""
        return cls(
            dossier_id=row["dossier_id"],
            source=json.loads(row["source_json"]),
            post_id=row["rondo_club_id"],
            person_id=row["person_id"],
            last_synced_hash=row["last_synced_hash"],
        )


class DisciplineState:
    """Discipline cases. A change is on disk when its method returns."""

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], str]) -> None:
        self._connection = connection
        self._now = now

    def cases(self) -> list[Case]:
        """The cases of the latest download, in the order in which they were first seen."""
        return self._select("left_at IS NULL")

    def vanished(self) -> list[Case]:
        """The cases that are in the latest download no more, and that the club was not told of."""
        return self._select("left_at IS NOT NULL AND dismissed_at IS NULL")

    def store_cases(self, cases: Mapping[str, Mapping[str, Any]]) -> None:
        """Take over a download, the cases by dossier: what is not in it has vanished."""
        now = self._now()
        rows = [{"dossier_id": key, "source_json": canonical_json(case), "now": now} for key, case in cases.items()]
        with transaction(self._connection):
            self._connection.execute("UPDATE discipline_cases SET left_at = ? WHERE left_at IS NULL", (now,))
            self._connection.executemany(_STORE_CASE, rows)

    def adopt_post(self, case: Case, post_id: int) -> None:
        """Remember that this post of Rondo Club is the case, in whatever form."""
        self._connection.execute("UPDATE discipline_cases SET rondo_club_id = ? WHERE dossier_id = ?", (post_id, case.dossier_id))

    def mark_synced(self, case: Case, *, post_id: int, person_id: int, season: str, synced_hash: str) -> None:
        """Remember that this post of Rondo Club is the case, in the form that has this hash."""
        self._connection.execute(
            "UPDATE discipline_cases SET rondo_club_id = ?, person_id = ?, season = ?, last_synced_hash = ?, last_synced_at = ?"
            " WHERE dossier_id = ?",
            (post_id, person_id, season, synced_hash, self._now(), case.dossier_id),
        )

    def mark_dismissed(self, case: Case) -> None:
        """Remember that the club knows that the case is gone, and that it has no post any more."""
        self._connection.execute(
            "UPDATE discipline_cases SET dismissed_at = ?, rondo_club_id = NULL, last_synced_hash = NULL WHERE dossier_id = ?",
            (self._now(), case.dossier_id),
        )

    def mark_vanished(self, case: Case) -> None:
        """Take back that the club knows that the case is gone: it has yet to be told."""
        self._connection.execute(
            "UPDATE discipline_cases SET dismissed_at = NULL, rondo_club_id = ? WHERE dossier_id = ?",
            (case.post_id, case.dossier_id),
        )

    def _select(self, condition: str) -> list[Case]:
        query = f"SELECT * FROM discipline_cases WHERE {condition} ORDER BY id"  # noqa: S608  our own conditions
        return [Case.from_row(row) for row in self._connection.execute(query)]


_STORE_CASE = """
INSERT INTO discipline_cases (dossier_id, source_json, created_at, last_seen_at) VALUES (:dossier_id, :source_json, :now, :now)
ON CONFLICT (dossier_id) DO UPDATE SET
  source_json = excluded.source_json, last_seen_at = :now, left_at = NULL, dismissed_at = NULL
"""
