"""The questions that the pipelines ask of the Nikki state file."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from pipelines.state.database import transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What a member owes for a year, by one of the lines that Nikki has on it.

    Attributes:
        saldo: What is still to be paid, in euros.
        hoofdsom: The whole amount, in euros; None where no report had it.
    """

    knvb_id: str
    year: int
    nikki_id: str
    saldo: float
    hoofdsom: float | None
    status: str


class NikkiState:
    """The contributions of the last years. A change is on disk when its method returns."""

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], str]) -> None:
        self._connection = connection
        self._now = now

    def contributions(self) -> list[Contribution]:
        """All contributions, those of a member together and by year."""
        query = (
            "SELECT knvb_id, year, nikki_id, saldo, hoofdsom, status FROM nikki_contributions ORDER BY knvb_id, year, nikki_id"
        )
        return [Contribution(**dict(row)) for row in self._connection.execute(query)]

    def recent_lines(self, *, days: int) -> dict[int, set[tuple[str, str]]]:
        """By year, KNVB id and Nikki id of the lines that were in a download of the last days, by the date."""
        query = "SELECT year, knvb_id, nikki_id FROM nikki_contributions WHERE date(last_seen_at) > date(?, ?)"
        lines: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)
        for year, knvb_id, nikki_id in self._connection.execute(query, (self._now(), f"-{days} days")):
            lines[year].add((knvb_id, nikki_id))
        return dict(lines)

    def settled_years(self) -> list[tuple[str, int]]:
        """KNVB id and year, where Nikki has no line any more and the person may still show one."""
        rows = self._connection.execute("SELECT knvb_id, year FROM nikki_settled_years ORDER BY knvb_id, year")
        return [(knvb_id, year) for knvb_id, year in rows]

    def forget_settled_years(self, knvb_id: str) -> None:
        """Remember that the member's person shows nothing of them, or that there is none."""
        self._connection.execute("DELETE FROM nikki_settled_years WHERE knvb_id = ?", (knvb_id,))

    def replace_years(self, contributions: Sequence[Contribution], *, oldest: int) -> None:
        """Make these the contributions of the years that they are of, and forget what is older than a year.

        A whole amount that is not known this time stays what it was.

        Args:
            contributions: What was downloaded.
            oldest: The first year that is kept.
        """
        now = self._now()
        years = json.dumps(sorted({contribution.year for contribution in contributions}))
        keys = json.dumps([(one.knvb_id, one.year, one.nikki_id) for one in contributions])
        with transaction(self._connection):
            self._connection.executemany(_STORE, [{**asdict(contribution), "now": now} for contribution in contributions])
            self._connection.execute(_SETTLE_OTHERS, {"years": years, "keys": keys})
            self._connection.execute(_DELETE_OTHERS, {"years": years, "keys": keys})
            self._connection.execute("DELETE FROM nikki_contributions WHERE year < ?", (oldest,))
            self._connection.execute(_FORGET_SETTLED, {"oldest": oldest})


_STORE = """
INSERT INTO nikki_contributions (knvb_id, year, nikki_id, saldo, hoofdsom, status, created_at, last_seen_at)
VALUES (:knvb_id, :year, :nikki_id, :saldo, :hoofdsom, :status, :now, :now)
ON CONFLICT (knvb_id, year, nikki_id) DO UPDATE SET
  saldo = excluded.saldo,
  hoofdsom = coalesce(excluded.hoofdsom, hoofdsom),
  status = excluded.status,
  last_seen_at = :now
"""

_OTHERS = """
FROM nikki_contributions
WHERE year IN (SELECT value FROM json_each(:years))
  AND (knvb_id, year, nikki_id) NOT IN
      (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(:keys))
"""

_SETTLE_OTHERS = f"INSERT OR IGNORE INTO nikki_settled_years SELECT knvb_id, year {_OTHERS}"

_DELETE_OTHERS = f"DELETE {_OTHERS}"

_FORGET_SETTLED = """
DELETE FROM nikki_settled_years
WHERE year < :oldest OR (knvb_id, year) IN (SELECT knvb_id, year FROM nikki_contributions)
"""
