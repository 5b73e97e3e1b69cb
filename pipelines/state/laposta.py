"""The questions that the pipelines ask of the Laposta state file."""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipelines.state.database import transaction
from pipelines.state.hashing import canonical_json, source_hash

KEPT_DOWNLOADS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """An address of one list, with everything that Laposta shall know of it.

    Attributes:
        email: Trimmed and in lower case.
        custom_fields: Laposta field name -> text; an empty text clears the field.
    """

    email: str
    custom_fields: Mapping[str, str]

    @property
    def source_hash(self) -> str:
        """Changes when anything that Laposta shall know changes."""
        return source_hash({"email": self.email, "custom_fields": self.custom_fields})


class LapostaState:
    """Downloads from Sportlink, and the rows of the lists. A change is on disk when its method returns."""

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], str]) -> None:
        self._connection = connection
        self._now = now

    def add_download(self, members: Sequence[Mapping[str, Any]]) -> None:
        """Keep a download from Sportlink, and of the earlier ones the last few."""
        with transaction(self._connection):
            self._connection.execute(
                "INSERT INTO sportlink_runs (created_at, results_json) VALUES (?, ?)",
                (self._now(), json.dumps({"Members": members})),
            )
            self._connection.execute(
                "DELETE FROM sportlink_runs WHERE id NOT IN (SELECT id FROM sportlink_runs ORDER BY id DESC LIMIT ?)",
                (KEPT_DOWNLOADS,),
            )

    def latest_download(self) -> list[dict[str, Any]]:
        """The members of the latest download as Sportlink gave them; empty when there was none yet."""
        row = self._connection.execute("SELECT results_json FROM sportlink_runs ORDER BY id DESC LIMIT 1").fetchone()
        members: list[dict[str, Any]] = json.loads(row["results_json"])["Members"] if row else []
        return members

    def replace_list(self, index: int, subscribers: Sequence[Subscriber]) -> None:
        """Make these the rows of a list. What was sent before is remembered for the addresses that stay.

        A field that an address had before and has no more becomes empty: Laposta keeps what it is not told of.
        """
        now = self._now()
        known = self._fields(index)
        subscribers = [replace(one, custom_fields={**known.get(one.email, {}), **one.custom_fields}) for one in subscribers]
        rows = [
            {
                "list_index": index,
                "email": subscriber.email,
                "custom_fields_json": canonical_json(subscriber.custom_fields),
                "source_hash": subscriber.source_hash,
                "now": now,
            }
            for subscriber in subscribers
        ]
        emails = json.dumps([subscriber.email for subscriber in subscribers])
        with transaction(self._connection):
            self._connection.executemany(_STORE_SUBSCRIBER, rows)
            self._connection.execute(
                "DELETE FROM members WHERE list_index = ? AND email NOT IN (SELECT value FROM json_each(?))",
                (index, emails),
            )

    def _fields(self, index: int) -> dict[str, dict[str, str]]:
        """The fields that the addresses of a list have, by address, as empty texts."""
        rows = self._connection.execute("SELECT email, custom_fields_json FROM members WHERE list_index = ?", (index,))
        return {email: dict.fromkeys(json.loads(fields), "") for email, fields in rows}

    def count_subscribers(self, index: int) -> int:
        """How many addresses a list has."""
        query = "SELECT count(*) FROM members WHERE list_index = ?"
        count: int = self._connection.execute(query, (index,)).fetchone()[0]
        return count

    def unsent_subscribers(self, index: int, list_id: str | None, *, force: bool = False) -> list[Subscriber]:
        """The rows of a list that its Laposta list has not been told in this form; all of them by force."""
        query = (
            "SELECT email, custom_fields_json FROM members WHERE list_index = :index"
            " AND (:force OR last_synced_hash IS NOT source_hash OR list_id IS NOT :list_id) ORDER BY id"
        )
        rows = self._connection.execute(query, {"index": index, "list_id": list_id, "force": force})
        return [Subscriber(email=email, custom_fields=json.loads(fields)) for email, fields in rows]

    def mark_sent(self, index: int, list_id: str, subscriber: Subscriber) -> None:
        """Remember that the Laposta list knows this subscriber in this form."""
        self._connection.execute(
            "UPDATE members SET list_id = ?, last_synced_hash = ?, last_synced_at = ? WHERE list_index = ? AND email = ?",
            (list_id, subscriber.source_hash, self._now(), index, subscriber.email),
        )


_STORE_SUBSCRIBER = """
INSERT INTO members (list_index, email, custom_fields_json, source_hash, created_at, last_seen_at)
VALUES (:list_index, :email, :custom_fields_json, :source_hash, :now, :now)
ON CONFLICT (list_index, email) DO UPDATE SET
  custom_fields_json = excluded.custom_fields_json,
  source_hash = excluded.source_hash,
  last_seen_at = excluded.last_seen_at
"""
