"""The questions that the pipelines ask of the FreeScout state file."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from pipelines.state.database import transaction
from pipelines.state.hashing import Synced, canonical_json, source_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedCustomer:
    """What a customer of FreeScout shall be.

    Attributes:
        knvb_id: The member that the customer is.
        email: Trimmed and in lower case.
        freescout_id: Its id in FreeScout, where somebody noted it in Sportlink.
        data: `firstName`, `lastName`, `mobile` (empty: has none any more; None: never had one) and `customFields` by name.
    """

    knvb_id: str
    email: str
    freescout_id: int | None
    data: Mapping[str, Any]

    @property
    def source_hash(self) -> str:
        """Changes when anything that FreeScout shall know changes."""
        return source_hash({"knvb_id": self.knvb_id, "data": self.data})


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer(Synced):
    """A customer as the state knows it; `freescout_id` is None while it has none."""

    knvb_id: str
    email: str
    freescout_id: int | None
    data: dict[str, Any]

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Self:
        """Read a row of freescout_customers."""
        return cls(
            knvb_id=row["knvb_id"],
            email=row["email"],
            freescout_id=row["freescout_id"],
            data=json.loads(row["data_json"]),
            source_hash=row["source_hash"],
            last_synced_hash=row["last_synced_hash"],
        )


class FreeScoutState:
    """The customers. A change is on disk when its method returns."""

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], str]) -> None:
        self._connection = connection
        self._now = now

    def customers(self) -> dict[str, Customer]:
        """All customers by KNVB id, in the order in which they were first seen."""
        rows = self._connection.execute("SELECT * FROM freescout_customers ORDER BY id")
        return {row["knvb_id"]: Customer.from_row(row) for row in rows}

    def store_customers(self, customers: Iterable[WantedCustomer]) -> None:
        """Take over what the customers shall be. An id that is known already stays, also that of a customer that was left."""
        now = self._now()
        rows = [
            {
                "knvb_id": customer.knvb_id,
                "email": customer.email,
                "freescout_id": customer.freescout_id,
                "data_json": canonical_json(customer.data),
                "source_hash": customer.source_hash,
                "now": now,
            }
            for customer in customers
        ]
        with transaction(self._connection):
            self._connection.executemany(_STORE, rows)

    def set_customer(self, knvb_id: str, freescout_id: int | None) -> None:
        """Remember which customer of FreeScout it is, or by None that it is there no more. It has been told nothing yet."""
        with transaction(self._connection):
            self._connection.execute(
                "UPDATE freescout_customers SET freescout_id = ?, last_synced_hash = NULL WHERE knvb_id = ?",
                (freescout_id, knvb_id),
            )
            self._connection.execute("DELETE FROM freescout_left_customers WHERE knvb_id = ?", (knvb_id,))

    def add_own_customer(self, knvb_id: str, freescout_id: int) -> None:
        """Remember that we created this customer of FreeScout for the member."""
        self._connection.execute("INSERT OR IGNORE INTO freescout_own_customers VALUES (?)", (freescout_id,))
        self.set_customer(knvb_id, freescout_id)

    def mark_synced(self, customer: Customer) -> None:
        """Remember that FreeScout knows the customer in this form."""
        self._connection.execute(
            "UPDATE freescout_customers SET last_synced_hash = ?, last_synced_at = ? WHERE knvb_id = ?",
            (customer.source_hash, self._now(), customer.knvb_id),
        )

    def is_ours_alone(self, customer: Customer) -> bool:
        """We created the customer of FreeScout, and no other member is it too, because they share an address."""
        query = (
            "SELECT 1 FROM freescout_own_customers AS own WHERE freescout_id = ?1 AND NOT EXISTS"
            " (SELECT 1 FROM freescout_customers WHERE freescout_id = own.freescout_id AND knvb_id != ?2)"
        )
        return self._connection.execute(query, (customer.freescout_id, customer.knvb_id)).fetchone() is not None

    def delete_customer(self, knvb_id: str) -> None:
        """Forget the customer altogether."""
        self._connection.execute("DELETE FROM freescout_customers WHERE knvb_id = ?", (knvb_id,))

    def leave_customer(self, customer: Customer) -> None:
        """Forget the customer, which stays in FreeScout.

        Other members that it is too are to be told there again, as it may show this one. Where there are none, it is this
        member's once more should that have an address again.
        """
        with transaction(self._connection):
            self._connection.execute(
                "UPDATE freescout_customers SET last_synced_hash = NULL WHERE freescout_id = ?", (customer.freescout_id,)
            )
            self._connection.execute(
                "REPLACE INTO freescout_left_customers SELECT knvb_id, freescout_id FROM freescout_customers"
                " WHERE knvb_id = ? AND freescout_id NOT NULL",
                (customer.knvb_id,),
            )
            self.delete_customer(customer.knvb_id)


_STORE = """
INSERT INTO freescout_customers (knvb_id, email, freescout_id, data_json, source_hash, created_at, last_seen_at)
SELECT :knvb_id, :email, coalesce(:freescout_id, left_one.freescout_id), :data_json, :source_hash, :now, :now
FROM (SELECT 1) LEFT JOIN freescout_left_customers AS left_one
  ON knvb_id = :knvb_id AND freescout_id NOT IN (SELECT freescout_id FROM freescout_customers WHERE freescout_id NOT NULL)
WHERE true
ON CONFLICT (knvb_id) DO UPDATE SET
  email = excluded.email,
  freescout_id = coalesce(freescout_id, excluded.freescout_id),
  data_json = excluded.data_json,
  source_hash = excluded.source_hash,
  last_seen_at = :now
"""
