"""Contributions at Nikki -> fields of a person, a few for each year."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from math import fsum

from pipelines.clients import JsonObject
from pipelines.clients.nikki import NikkiRow
from pipelines.state import Contribution
from pipelines.transform.amounts import parse_amount

YEARS_KEPT = 4


def contribution(row: NikkiRow, amounts: Mapping[str, str] | None) -> Contribution:
    """A line of Nikki's table, with the whole amount that the report has for it (None: there is no report)."""
    amount = (amounts or {}).get(row.nikki_id)
    return Contribution(
        knvb_id=row.knvb_id,
        year=row.year,
        nikki_id=row.nikki_id,
        saldo=parse_amount(row.saldo_text),
        hoofdsom=None if amount is None else parse_amount(amount),
        status=row.status,
    )


def yearly_fields(contributions: Iterable[Contribution]) -> JsonObject:
    """The fields of a person: for each year what was and what is to be paid, and how it stands.

    Several lines a year are normal; their amounts are added up.

    Args:
        contributions: Those of one member, by year.
    """
    fields: JsonObject = {}
    for year, of_year in groupby(contributions, key=lambda one: one.year):
        lines = list(of_year)
        amounts = [line.hoofdsom for line in lines if line.hoofdsom is not None]
        fields |= {
            f"_nikki_{year}_total": _euros(amounts) if amounts else None,
            f"_nikki_{year}_saldo": yearly_saldo(lines),
            f"_nikki_{year}_status": yearly_status(lines),
        }
    return fields


def cleared_fields(year: int) -> JsonObject:
    """The fields of a person for a year of which Nikki has nothing."""
    return {f"_nikki_{year}_{name}": None for name in ("total", "saldo", "status")}


def yearly_saldo(lines: Iterable[Contribution]) -> float:
    """What is still to be paid for a year, in euros."""
    return _euros(line.saldo for line in lines)


def yearly_status(lines: Iterable[Contribution]) -> str | None:
    """How a year stands: of several, the last in the alphabet; None when no line says it."""
    return max(line.status for line in lines) or None


def is_known(fields: JsonObject, acf: JsonObject) -> bool:
    """The person has these fields already, with these values."""
    return all(acf.get(name) == value for name, value in fields.items())


def _euros(amounts: Iterable[float]) -> float:
    """A sum in whole cents; a whole number of euros as such, because that is how it is written and read back."""
    total = round(fsum(amounts), 2)
    return int(total) if total.is_integer() else total
