"""What the pipelines remember of contact fields, which may be changed in Sportlink and in Rondo Club."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pipelines.state.database import transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactField:
    """A contact field of a member, as both systems had it last.

    Attributes:
        rondo_club_value: Empty where there is none; None when it was not seen yet.
        sportlink_value: As above.
        sportlink_modified_at: When it was seen to change there (ISO, UTC); None when it never was.
    """

    rondo_club_value: str | None
    sportlink_value: str | None
    sportlink_modified_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A contact field that somebody changed in Rondo Club.

    Attributes:
        value: What it is now; empty where it was cleared.
        modified_at: When the person was modified there (ISO, UTC).
    """

    change_id: int
    knvb_id: str
    field_name: str
    value: str
    modified_at: str


class ContactsState:
    """Contact fields, and their changes in Rondo Club. A change is on disk when its method returns."""

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], str]) -> None:
        self._connection = connection
        self._now = now

    def fields(self, knvb_id: str, *, person_id: int | None = None) -> dict[str, ContactField]:
        """The contact fields of a member by name; empty for somebody who is no member, or is not this person."""
        query = (
            "SELECT field_name, rondo_club_value, sportlink_value, sportlink_modified_at FROM rondo_club_contact_fields"
            " JOIN rondo_club_members USING (knvb_id)"
            " WHERE knvb_id = ?1 AND left_at IS NULL AND (?2 IS NULL OR rondo_club_id = ?2)"
        )
        return {
            name: ContactField(rondo_club_value=rondo_club, sportlink_value=sportlink, sportlink_modified_at=modified_at)
            for name, rondo_club, sportlink, modified_at in self._connection.execute(query, (knvb_id, person_id))
        }

    def note_sportlink(self, values: Mapping[str, Mapping[str, str]]) -> None:
        """Take over what a download says: by member, then by field. A value that is another one was modified now."""
        now = self._now()
        rows = [(knvb_id, name, value, now) for knvb_id, fields in values.items() for name, value in fields.items()]
        with transaction(self._connection):
            self._connection.executemany(_NOTE_SPORTLINK, rows)

    def note_rondo_club(self, knvb_id: str, values: Mapping[str, str]) -> None:
        """Remember what Rondo Club shows, which nobody changed there: we wrote it, or see it for the first time."""
        with transaction(self._connection):
            self._connection.executemany(_NOTE_RONDO_CLUB, [(knvb_id, name, value) for name, value in values.items()])

    def add_changes(self, knvb_id: str, values: Mapping[str, str], *, modified_at: str) -> None:
        """Remember that these fields were changed in Rondo Club, and what they are now: none of it is reported again.

        Args:
            knvb_id: The member.
            values: The new values by field.
            modified_at: When the person was modified there (ISO, UTC).
        """
        now = self._now()
        rows = [
            {"knvb_id": knvb_id, "field_name": name, "value": value, "modified_at": modified_at, "now": now}
            for name, value in values.items()
        ]
        with transaction(self._connection):
            self._connection.executemany(_ADD_CHANGE, rows)
            self._connection.executemany(_MOVE_RONDO_CLUB, rows)

    def changed_members(self) -> list[str]:
        """KNVB ids of the members with changes in Rondo Club that are not settled."""
        query = (
            "SELECT DISTINCT knvb_id FROM rondo_club_change_detections JOIN rondo_club_members USING (knvb_id)"
            " WHERE synced_at IS NULL AND left_at IS NULL ORDER BY knvb_id"
        )
        return [knvb_id for (knvb_id,) in self._connection.execute(query)]

    def pending_changes(self, knvb_id: str) -> list[Change]:
        """What was changed of a member in Rondo Club and is not settled, oldest first."""
        query = (
            "SELECT id, field_name, new_value, rondo_club_modified_gmt FROM rondo_club_change_detections"
            " WHERE knvb_id = ? AND synced_at IS NULL ORDER BY id"
        )
        return [
            Change(change_id=change_id, knvb_id=knvb_id, field_name=name, value=value, modified_at=modified_at)
            for change_id, name, value, modified_at in self._connection.execute(query, (knvb_id,))
        ]

    def settle(self, changes: Iterable[Change]) -> None:
        """Remember that nothing has to be done about these changes any more: Sportlink was right, or has the value already."""
        with transaction(self._connection):
            self._settle(changes)

    def mark_pushed(self, changes: Iterable[Change]) -> None:
        """Remember that Sportlink has these changes: it was modified now, by us."""
        now = self._now()
        pushed = list(changes)
        with transaction(self._connection):
            self._settle(pushed)
            self._connection.executemany(
                "UPDATE rondo_club_contact_fields SET sportlink_value = ?, sportlink_modified_at = ?"
                " WHERE knvb_id = ? AND field_name = ?",
                [(change.value, now, change.knvb_id, change.field_name) for change in pushed],
            )

    def _settle(self, changes: Iterable[Change]) -> None:
        now = self._now()
        self._connection.executemany(
            "UPDATE rondo_club_change_detections SET synced_at = ? WHERE id = ?",
            [(now, change.change_id) for change in changes],
        )


_NOTE_SPORTLINK = """
INSERT INTO rondo_club_contact_fields (knvb_id, field_name, sportlink_value) VALUES (?1, ?2, ?3)
ON CONFLICT (knvb_id, field_name) DO UPDATE SET
  sportlink_value = excluded.sportlink_value,
  sportlink_modified_at = CASE WHEN sportlink_value IS NULL THEN NULL ELSE ?4 END
WHERE sportlink_value IS NOT excluded.sportlink_value
"""

_NOTE_RONDO_CLUB = """
INSERT INTO rondo_club_contact_fields (knvb_id, field_name, rondo_club_value) VALUES (?, ?, ?)
ON CONFLICT (knvb_id, field_name) DO UPDATE SET rondo_club_value = excluded.rondo_club_value
"""

_ADD_CHANGE = """
INSERT INTO rondo_club_change_detections
  (knvb_id, field_name, old_value, new_value, detected_at, rondo_club_modified_gmt)
SELECT knvb_id, field_name, rondo_club_value, :value, :now, :modified_at
FROM rondo_club_contact_fields WHERE knvb_id = :knvb_id AND field_name = :field_name
"""

_MOVE_RONDO_CLUB = """
UPDATE rondo_club_contact_fields SET rondo_club_value = :value, rondo_club_modified_at = :modified_at
WHERE knvb_id = :knvb_id AND field_name = :field_name
"""
