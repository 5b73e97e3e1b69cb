"""The questions that the pipelines ask of the Rondo Club state file."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from pipelines.state.database import transaction
from pipelines.state.hashing import Synced, canonical_json, source_hash


class PhotoState(StrEnum):
    """Where a member's photo is on its way from Sportlink to Rondo Club."""

    NO_PHOTO = "no_photo"
    PENDING_DOWNLOAD = "pending_download"
    DOWNLOADED = "downloaded"
    SYNCED = "synced"
    PENDING_DELETE = "pending_delete"
    ERROR = "error"
    """Sportlink names a date and has no photo; tried again when the date changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedMember:
    """What a download says of a member.

    Attributes:
        knvb_id: The key of a member everywhere.
        email: Primary address, trimmed and in lower case; None without one.
        body: Request body that makes the person what it should be.
        image_date: Date of the photo in Sportlink; None without one.
        photo_state: What is to be done about the photo now.
    """

    knvb_id: str
    email: str | None
    body: Mapping[str, Any]
    image_date: str | None
    photo_state: PhotoState

    @property
    def source_hash(self) -> str:
        """Changes when anything that Rondo Club shall know changes."""
        return source_hash({"knvb_id": self.knvb_id, "data": self.body})


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Synced):
    """A member as the state knows it.

    Attributes:
        person_id: Its id in Rondo Club.
        data_json: The body as text: most members are looked at for something else, and all of them at once.
    """

    knvb_id: str
    person_id: int | None
    email: str | None
    data_json: str
    image_date: str | None
    photo_state: PhotoState

    @property
    def body(self) -> dict[str, Any]:
        """Request body that makes the person what it should be."""
        body: dict[str, Any] = json.loads(self.data_json)
        return body

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Self:
        """Read a row of rondo_club_members."""
        return cls(
            knvb_id=row["knvb_id"],
            person_id=row["rondo_club_id"],
            email=row["email"],
            data_json=row["data_json"],
            source_hash=row["source_hash"],
            last_synced_hash=row["last_synced_hash"],
            image_date=row["person_image_date"],
            photo_state=PhotoState(row["photo_state"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RemotePerson:
    """What Rondo Club says of one of its persons that is or was a member."""

    knvb_id: str
    person_id: int
    is_volunteer: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A parent as the state knows it.

    Attributes:
        email: The key of a parent; trimmed and in lower case.
        person_id: Its id in Rondo Club.
        owns_person: We created that person for this parent; it is nobody else's.
        last_synced_hash: Hash of what Rondo Club was told last.
    """

    email: str
    person_id: int | None
    owns_person: bool
    last_synced_hash: str | None


class RondoState:
    """Members and parents. A change is on disk when its method returns."""

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], str]) -> None:
        self._connection = connection
        self._now = now

    # ------------------------------------------------------------------------------------------------ members

    def members(self) -> list[Member]:
        """The members of the latest download, in the order in which they were first seen."""
        rows = self._connection.execute("SELECT * FROM rondo_club_members WHERE left_at IS NULL ORDER BY id")
        return [Member.from_row(row) for row in rows]

    def person_ids(self) -> dict[str, int]:
        """Whose person of Rondo Club is known, by KNVB id; former members as well."""
        query = "SELECT knvb_id, rondo_club_id FROM rondo_club_members WHERE rondo_club_id IS NOT NULL"
        return dict(self._connection.execute(query).fetchall())

    def former_members(self) -> frozenset[str]:
        """KNVB ids of those who are not in the latest download and are known all the same."""
        rows = self._connection.execute("SELECT knvb_id FROM rondo_club_members WHERE left_at IS NOT NULL")
        return frozenset(knvb_id for (knvb_id,) in rows)

    def members_with_photo(self, *states: PhotoState) -> list[Member]:
        """The members whose photo is in one of these states."""
        return [member for member in self.members() if member.photo_state in states]

    def photo_coverage(self) -> tuple[int, int]:
        """How many members have their photo in Rondo Club, and how many members there are."""
        query = "SELECT coalesce(sum(photo_state = 'synced'), 0), count(*) FROM rondo_club_members WHERE left_at IS NULL"
        with_photo, members = self._connection.execute(query).fetchone()
        return with_photo, members

    def store_members(self, members: Iterable[WantedMember]) -> None:
        """Take over what a download says; who is not in it stays as it is."""
        now = self._now()
        rows = [
            {
                "knvb_id": member.knvb_id,
                "email": member.email,
                "data_json": canonical_json(member.body),
                "source_hash": member.source_hash,
                "person_image_date": member.image_date,
                "photo_state": member.photo_state,
                "now": now,
            }
            for member in members
        ]
        with transaction(self._connection):
            self._connection.executemany(_STORE_MEMBER, rows)

    def mark_member_synced(self, member: Member, person_id: int) -> None:
        """Remember that this person of Rondo Club is the member, in this form."""
        self._connection.execute(
            "UPDATE rondo_club_members SET rondo_club_id = ?, last_synced_hash = ?, last_synced_at = ? WHERE knvb_id = ?",
            (person_id, member.source_hash, self._now(), member.knvb_id),
        )

    def forget_person(self, person_id: int) -> None:
        """Remember that this person of Rondo Club is gone, whoever it was; its photo went with it."""
        with transaction(self._connection):
            self._connection.execute(
                "UPDATE rondo_club_members SET rondo_club_id = NULL, last_synced_hash = NULL,"
                " photo_state = replace(photo_state, 'synced', 'pending_download') WHERE rondo_club_id = ?",
                (person_id,),
            )
            self._connection.execute(
                "UPDATE rondo_club_parents SET rondo_club_id = NULL, last_synced_hash = NULL, owns_person = 0"
                " WHERE rondo_club_id = ?",
                (person_id,),
            )
            self._connection.execute("DELETE FROM rondo_club_strangers WHERE rondo_club_id = ?", (person_id,))
            # Who was made in its place may have been read already, and not been taken for the member.
            self._connection.execute("DELETE FROM rondo_club_refresh")

    def mark_member_left(self, knvb_id: str) -> None:
        """Keep who the member was in Rondo Club, and nothing else of it."""
        with transaction(self._connection):
            self._connection.execute(
                "UPDATE rondo_club_members SET left_at = ?, email = NULL, data_json = '{}', last_synced_hash = NULL"
                " WHERE knvb_id = ?",
                (self._now(), knvb_id),
            )
            for table in _TABLES_OF_MEMBERS:
                self._connection.execute(f"DELETE FROM {table} WHERE knvb_id = ?", (knvb_id,))  # noqa: S608  our own tables

    def set_photo_state(self, knvb_id: str, state: PhotoState) -> None:
        """Move a member's photo on."""
        self._connection.execute(
            "UPDATE rondo_club_members SET photo_state = ?, photo_state_updated_at = ? WHERE knvb_id = ?",
            (state, self._now(), knvb_id),
        )

    # ------------------------------------------------------------------------------------------------ what Rondo Club tells

    def refreshed_until(self) -> str | None:
        """Up to which modification (ISO, UTC) its persons were read; None: never."""
        row = self._connection.execute("SELECT modified_gmt FROM rondo_club_refresh").fetchone()
        return row["modified_gmt"] if row else None

    def mark_refreshed(self, *, until: str) -> None:
        """Remember that all modifications up to this one (ISO, UTC) have been read."""
        self._connection.execute("REPLACE INTO rondo_club_refresh (id, modified_gmt) VALUES (1, ?)", (until,))

    def remember_persons(self, persons: Iterable[RemotePerson]) -> None:
        """Take over what Rondo Club says of its persons. An id that the state has already stays."""
        now = self._now()
        values = [
            {
                "knvb_id": person.knvb_id,
                "person_id": person.person_id,
                "is_volunteer": person.is_volunteer,
                "source_hash": source_hash({}),
                "now": now,
            }
            for person in persons
        ]
        with transaction(self._connection):
            self._connection.executemany(_REMEMBER_PERSON, values)

    def remember_strangers(self, emails: Mapping[int, str]) -> None:
        """Take over which persons of Rondo Club never were members: their addresses by id, empty without one."""
        with transaction(self._connection):
            self._connection.executemany("DELETE FROM rondo_club_strangers WHERE rondo_club_id = ?", [(one,) for one in emails])
            rows = [(person_id, email) for person_id, email in emails.items() if email]
            self._connection.executemany("INSERT INTO rondo_club_strangers VALUES (?, ?)", rows)

    def strangers(self) -> dict[str, list[int]]:
        """Who never was a member and has an address in Rondo Club: persons by address, the oldest first."""
        persons: defaultdict[str, list[int]] = defaultdict(list)
        for person_id, email in self._connection.execute("SELECT * FROM rondo_club_strangers ORDER BY rondo_club_id"):
            persons[email].append(person_id)
        return dict(persons)

    def volunteers(self) -> frozenset[str]:
        """KNVB ids of the members that are volunteers at present, as far as Rondo Club was asked."""
        rows = self._connection.execute("SELECT knvb_id FROM rondo_club_members WHERE huidig_vrijwilliger")
        return frozenset(knvb_id for (knvb_id,) in rows)

    # ------------------------------------------------------------------------------------------------ parents

    def parents(self) -> dict[str, Parent]:
        """All known parents by address."""
        query = "SELECT email, rondo_club_id, owns_person, last_synced_hash FROM rondo_club_parents ORDER BY id"
        return {
            email: Parent(email=email, person_id=person_id, owns_person=bool(owns), last_synced_hash=synced)
            for email, person_id, owns, synced in self._connection.execute(query)
        }

    def store_parents(self, parents: Mapping[str, Mapping[str, Any]]) -> None:
        """Take over what a download says: data by address; who is not in it stays as it is."""
        now = self._now()
        rows = [{"email": email, "data_json": canonical_json(data), "now": now} for email, data in parents.items()]
        with transaction(self._connection):
            self._connection.executemany(_STORE_PARENT, rows)

    def set_parent_person(self, email: str, person_id: int, *, owns_person: bool) -> None:
        """Remember who the parent is in Rondo Club. A person that we created for the parent's old address stays ours."""
        self._connection.execute(
            "UPDATE rondo_club_parents SET rondo_club_id = ?1, owns_person ="
            " ?2 OR EXISTS (SELECT 1 FROM rondo_club_parents WHERE rondo_club_id = ?1 AND owns_person) WHERE email = ?3",
            (person_id, owns_person, email),
        )

    def is_shared(self, parent: Parent) -> bool:
        """The parent's person is a member too, or the parent of another address."""
        query = (
            "SELECT 1 FROM rondo_club_members WHERE rondo_club_id = ?1"
            " UNION ALL SELECT 1 FROM rondo_club_parents WHERE rondo_club_id = ?1 AND email != ?2"
        )
        return self._connection.execute(query, (parent.person_id, parent.email)).fetchone() is not None

    def mark_parent_synced(self, email: str, synced_hash: str) -> None:
        """Remember that Rondo Club knows the parent in the form that has this hash."""
        self._connection.execute(
            "UPDATE rondo_club_parents SET last_synced_hash = ?, last_synced_at = ? WHERE email = ?",
            (synced_hash, self._now(), email),
        )

    def delete_parent(self, email: str) -> None:
        """Forget the parent altogether."""
        self._connection.execute("DELETE FROM rondo_club_parents WHERE email = ?", (email,))


_TABLES_OF_MEMBERS = ("rondo_club_contact_fields", "rondo_club_change_detections", "sportlink_member_free_fields")
"""What else is known of a member."""

_STORE_MEMBER = """
INSERT INTO rondo_club_members
  (knvb_id, email, data_json, source_hash, person_image_date, photo_state, photo_state_updated_at, created_at, last_seen_at)
VALUES (:knvb_id, :email, :data_json, :source_hash, :person_image_date, :photo_state, :now, :now, :now)
ON CONFLICT (knvb_id) DO UPDATE SET
  email = excluded.email,
  data_json = excluded.data_json,
  source_hash = excluded.source_hash,
  person_image_date = excluded.person_image_date,
  photo_state_updated_at = CASE WHEN photo_state = excluded.photo_state THEN photo_state_updated_at ELSE :now END,
  photo_state = excluded.photo_state,
  last_seen_at = :now,
  left_at = NULL
"""

# A person that is in no download yet counts as one who left: its id is known should it come.
_REMEMBER_PERSON = """
INSERT INTO rondo_club_members
  (knvb_id, rondo_club_id, data_json, source_hash, huidig_vrijwilliger, created_at, last_seen_at, left_at)
VALUES (:knvb_id, :person_id, '{}', :source_hash, :is_volunteer, :now, :now, :now)
ON CONFLICT (knvb_id) DO UPDATE SET
  rondo_club_id = coalesce(rondo_club_id, excluded.rondo_club_id),
  huidig_vrijwilliger = CASE WHEN coalesce(rondo_club_id, excluded.rondo_club_id) = excluded.rondo_club_id
                             THEN excluded.huidig_vrijwilliger ELSE huidig_vrijwilliger END
"""

_STORE_PARENT = """
INSERT INTO rondo_club_parents (email, data_json, created_at, last_seen_at) VALUES (:email, :data_json, :now, :now)
ON CONFLICT (email) DO UPDATE SET data_json = excluded.data_json, last_seen_at = :now
"""
