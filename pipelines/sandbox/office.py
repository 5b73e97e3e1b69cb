"""Makes up what the office notes of members: free fields, blocks, invoice addresses, discipline cases and contributions."""

import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

JsonObject = dict[str, Any]

TODAY = date(2026, 2, 7)
YEARS = (2023, 2024, 2025, 2026)
FREESCOUT_FIRST_ID = 1000

_LINKED_EVERY, _UNKNOWN_EVERY, _BLOCKED_EVERY, _INVOICED_EVERY, _CASE_EVERY = 12, 8, 90, 25, 40
_CERTIFIED = 0.8
_VOG_FORMS = ("%Y-%m-%d", "%d-%m-%Y", "%d-%m-%Y", "aangevraagd %m/%Y", "")
_CHARGES: tuple[Any, ...] = (["R2.3"], ["R2.3", "R4.1"], "R3.1", None, [])
_SANCTIONS = ("1 wedstrijd uitsluiting", "2 wedstrijden uitsluiting", "Waarschuwing", None)


def make_free_fields(ids: Sequence[str], volunteers: set[str], *, seed: int) -> dict[str, JsonObject]:
    """Free fields by KNVB ID: the FreeScout ID of some members, the day of the certificate (VOG) of most volunteers."""
    rng = random.Random(f"free fields {seed}")  # noqa: S311  nothing secret
    fields: dict[str, JsonObject] = {}
    for number, knvb_id in enumerate(ids):
        if number % _LINKED_EVERY == 1:
            link = number // _LINKED_EVERY
            fields[knvb_id] = {"Remarks3": {"Value": str(FREESCOUT_FIRST_ID + link) if link % _UNKNOWN_EVERY else "geen"}}
        if knvb_id in volunteers and rng.random() < _CERTIFIED:
            day = TODAY - timedelta(days=rng.randrange(30, 5 * 365))
            fields.setdefault(knvb_id, {})["Remarks8"] = {"Value": day.strftime(rng.choice(_VOG_FORMS))}
    return fields


def pick_blocked(ids: Sequence[str]) -> set[str]:
    """KNVB IDs of those who may not leave before they have paid."""
    return set(ids[5::_BLOCKED_EVERY])


def make_invoices(members: Sequence[JsonObject]) -> dict[str, JsonObject]:
    """Address and information by KNVB ID, of those whose bill goes elsewhere."""
    invoices: dict[str, JsonObject] = {}
    for number, member in enumerate(members[3::_INVOICED_EVERY]):
        if member.get("PublicPersonId"):
            invoices[member["PublicPersonId"]] = _invoice(member, number)
    return invoices


def make_cases(ids: Sequence[str], *, seed: int) -> list[JsonObject]:
    """Discipline cases, with the gaps that real ones have."""
    rng = random.Random(f"cases {seed}")  # noqa: S311  nothing secret
    cases = [
        make_case(number, knvb_id, TODAY - timedelta(days=rng.randrange(3, 500)), rng)
        for number, knvb_id in enumerate(ids[2::_CASE_EVERY], start=1)
    ]
    for case, gap in zip(cases, _gaps(), strict=False):
        case.update(gap)
    return cases


def make_case(number: int, knvb_id: str, match_day: date, rng: random.Random) -> JsonObject:
    """A case; any field but the key may be empty."""
    team = f"Voorbeeldclub {rng.randrange(1, 6)}"
    fee = rng.choice((25.0, 17.5, 0, None))
    return {
        "DossierId": f"T-{number:05}",
        "PublicPersonId": knvb_id,
        "MatchDate": match_day.isoformat(),
        "MatchDescription": f"{team} - FC Elders {rng.randrange(1, 4)}",
        "TeamName": team,
        "ChargeCodes": rng.choice(_CHARGES),
        "ChargeDescription": rng.choice(("Natrappen", "Aanmerkingen op de leiding", None)),
        "SanctionDescription": rng.choice(_SANCTIONS),
        "ProcessingDate": (match_day + timedelta(days=3)).isoformat(),
        "AdministrativeFee": fee,
        "IsCharged": bool(fee),
    }


def make_contributions(members: Sequence[JsonObject], *, seed: int) -> list[JsonObject]:
    """A row for each member and year, for some of them two, and a few of a year that is long over; amounts in cents."""
    rng = random.Random(f"contributions {seed}")  # noqa: S311  nothing secret
    return list(_contributions(members, rng))


def make_contribution(number: int, knvb_id: str, year: int, rng: random.Random) -> JsonObject:
    """What a member owes and has paid in a year."""
    total = rng.choice((9_500, 17_250, 21_000, 28_500, 125_000))
    saldo = rng.choice((0, 0, 0, total, total // 2, -1_250))
    status = "Betaald" if saldo <= 0 else rng.choice(("Openstaand", "Incasso", "Herinnering"))
    return {
        "nikki_id": f"N-{88_000 + number}",
        "knvb_id": knvb_id,
        "year": year,
        "total_cents": total,
        "saldo_cents": saldo,
        "status": status,
    }


def _invoice(member: JsonObject, number: int) -> JsonObject:
    address = {
        "StreetName": "Factuurlaan",
        "AddressNumber": number + 1,
        "AddressNumberAppendix": "b" if number % 2 else None,
        "ZipCode": "1299 ZZ",
        "City": "Testdorp",
        "CountryName": "Nederland" if number % 3 else "België",
        "IsDefault": number % 4 == 3,  # noqa: PLR2004  every fourth
    }
    information = {
        "LastName": member.get("LastName"),
        "Infix": member.get("Infix"),
        "Initials": member.get("Initials"),
        "EmailAddress": f"facturen{number}@postbus.example" if number % 5 else "",
        "ExternalInvoiceCode": f"INK-{number:04}" if number % 2 else None,
    }
    return {"Address": address, "PaymentInvoiceInformation": information}


def _gaps() -> Iterator[JsonObject]:
    """What the first cases lack."""
    yield {"PublicPersonId": None}
    yield {"MatchDate": None, "ProcessingDate": None}
    yield {"PublicPersonId": "ELDERS9"}
    yield {"MatchDescription": None, "TeamName": None, "AdministrativeFee": None, "IsCharged": None}
    yield {"ChargeCodes": "R2.3", "ProcessingDate": None}


def _contributions(members: Sequence[JsonObject], rng: random.Random) -> Iterator[JsonObject]:
    number = 0
    for position, member in enumerate(members):
        if not member.get("PublicPersonId"):
            continue
        years = [year for year in YEARS if year >= int((member.get("MemberSince") or "2020")[:4])]
        seconds = years[-1:] if position % 9 == 0 else []
        ended = [YEARS[0] - 2] if position % 50 == 0 else []
        for year in [*ended, *years, *seconds]:
            number += 1
            yield make_contribution(number, member["PublicPersonId"], year, rng)
