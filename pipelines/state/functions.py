"""What the pipelines remember of members besides the member list: functions, places in committees, and free fields."""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.state.database import transaction
from pipelines.state.hashing import canonical_json, source_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A member's place in a commissie.

    Attributes:
        role: Empty where Sportlink names none. One member may have several in a commissie.
        sportlink_id: The commissie's; empty where Sportlink names none.
        start_date: YYYY-MM-DD; empty where Sportlink does not say.
    """

    knvb_id: str
    commissie: str
    role: str
    sportlink_id: str
    start_date: str
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeFields:
    """Fields of a member's person, by Rondo Club's names; None clears a field."""

    knvb_id: str
    fields: Mapping[str, Any]
    source_hash: str


class FunctionsState:
    """Places and free fields. A change is on disk when its method returns."""

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], str]) -> None:
        self._connection = connection
        self._now = now

    def store(self, places: Iterable[Place], fields: Mapping[str, Mapping[str, Any]], *, replaced: Collection[str] = ()) -> None:
        """Take over a download as a whole.

        Args:
            places: What was downloaded.
            fields: Free fields by KNVB id.
            replaced: KNVB ids of the members that have no other places than these; what all others have is kept.
        """
        now = self._now()
        place_rows = [
            (place.knvb_id, place.commissie, place.role, place.sportlink_id, place.start_date, place.is_active)
            for place in places
        ]
        field_rows = [
            {"knvb_id": knvb_id, "fields_json": canonical_json(values), "source_hash": source_hash(values), "now": now}
            for knvb_id, values in fields.items()
        ]
        with transaction(self._connection):
            self._connection.executemany(
                "DELETE FROM sportlink_member_functions WHERE knvb_id = ?", [(knvb_id,) for knvb_id in replaced]
            )
            self._connection.executemany("REPLACE INTO sportlink_member_functions VALUES (?, ?, ?, ?, ?, ?)", place_rows)
            self._connection.executemany(_STORE_FIELDS, field_rows)

    def places(self) -> list[Place]:
        """All places that are known, also those that are over."""
        query = "SELECT * FROM sportlink_member_functions ORDER BY commissie_name, knvb_id, role_name"
        return [
            Place(
                knvb_id=row["knvb_id"],
                commissie=row["commissie_name"],
                role=row["role_name"],
                sportlink_id=row["sportlink_id"],
                start_date=row["relation_start"],
                is_active=bool(row["is_active"]),
            )
            for row in self._connection.execute(query)
        ]

    def free_fields(self) -> dict[str, dict[str, Any]]:
        """All free fields that are known, by KNVB id."""
        rows = self._connection.execute("SELECT knvb_id, fields_json FROM sportlink_member_free_fields")
        return {knvb_id: json.loads(fields) for knvb_id, fields in rows}

    def freescout_ids(self) -> dict[str, int]:
        """The FreeScout ids that Sportlink knows, by KNVB id."""
        known = {knvb_id: fields.get("freescout-id") for knvb_id, fields in self.free_fields().items()}
        return {knvb_id: freescout_id for knvb_id, freescout_id in known.items() if freescout_id is not None}

    def unsynced_fields(self, *, force: bool = False) -> list[FreeFields]:
        """The free fields that the persons of Rondo Club were not told in this form; all that have a person by force."""
        rows = self._connection.execute(_UNSYNCED_FIELDS, {"force": force})
        return [FreeFields(knvb_id=knvb_id, fields=json.loads(fields), source_hash=hash_) for knvb_id, fields, hash_ in rows]

    def mark_fields_synced(self, fields: FreeFields, person_id: int) -> None:
        """Remember that this person has the fields in this form."""
        self._connection.execute(
            "UPDATE sportlink_member_free_fields SET rondo_club_id = ?, last_synced_hash = ?, last_synced_at = ?"
            " WHERE knvb_id = ?",
            (person_id, fields.source_hash, self._now(), fields.knvb_id),
        )


_STORE_FIELDS = """
INSERT INTO sportlink_member_free_fields (knvb_id, fields_json, source_hash, last_seen_at)
VALUES (:knvb_id, :fields_json, :source_hash, :now)
ON CONFLICT (knvb_id) DO UPDATE SET
  fields_json = excluded.fields_json, source_hash = excluded.source_hash, last_seen_at = :now
"""

_UNSYNCED_FIELDS = """
SELECT knvb_id, fields_json, fields.source_hash
FROM sportlink_member_free_fields AS fields JOIN rondo_club_members AS members USING (knvb_id)
WHERE members.rondo_club_id IS NOT NULL AND members.left_at IS NULL
  AND (:force OR fields.last_synced_hash IS NOT fields.source_hash OR fields.rondo_club_id IS NOT members.rondo_club_id)
ORDER BY knvb_id
"""
