"""Discipline cases of Sportlink -> cases of Rondo Club."""

import json
import re
from collections.abc import Mapping
from typing import Any

from pipelines.clients import JsonObject
from pipelines.transform.amounts import parse_amount
from pipelines.transform.titles import shown_title

TEXTS: Mapping[str, str] = {
    "match_description": "MatchDescription",
    "team_name": "TeamName",
    "charge_description": "ChargeDescription",
    "sanction_description": "SanctionDescription",
}
"""ACF field -> Sportlink field."""

SOURCE_FIELDS = (
    "DossierId",
    "PublicPersonId",
    "MatchDate",
    "MatchDescription",
    "TeamName",
    "ChargeCodes",
    "ChargeDescription",
    "SanctionDescription",
    "ProcessingDate",
    "AdministrativeFee",
    "IsCharged",
)
"""All that is kept of a case, and whose changes count."""

_SEASON_STARTS_IN = 8
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:T.*)?", re.ASCII)


def read_case(raw: JsonObject) -> JsonObject:
    """What is kept of a case; None where Sportlink does not say."""
    return {name: raw.get(name) for name in SOURCE_FIELDS}


def season_of(day: str) -> str | None:
    """The season of a day (YYYY-MM-DD), which begins in August, as `2025-2026`; None for what is no day."""
    match = _DAY.fullmatch(day)
    if match is None:
        return None
    year = int(match[1]) - (int(match[2]) < _SEASON_STARTS_IN)
    return f"{year}-{year + 1}"


def case_title(case: JsonObject, person_name: str) -> str:
    """`<person> - <match> - <date>`."""
    return f"{person_name} - {case['MatchDescription'] or 'Unknown Match'} - {case['MatchDate'] or 'Unknown Date'}"


def person_name(person: JsonObject) -> str:
    """How a person is called in the titles of its cases."""
    acf = person["acf"]
    names = " ".join(filter(None, (acf.get("first_name"), acf.get("last_name"))))
    return shown_title(person) or names or f"Person {person['id']}"


def case_body(case: JsonObject, *, title: str, person_id: int, season_term: int, is_new: bool) -> JsonObject:
    """The request body that makes a post what the case is.

    Whether the club charged the fee to the member is for the club to say: it is written only with a new case, and when
    Sportlink has charged it.
    """
    acf = {
        "dossier_id": str(case["DossierId"]),
        "person": person_id,
        "match_date": _compact(case["MatchDate"]),
        "processing_date": _compact(case["ProcessingDate"]),
        **{name: str(case[source] or "") for name, source in TEXTS.items()},
        "charge_codes": _codes(case["ChargeCodes"]),
        "administrative_fee": _fee(case["AdministrativeFee"]),
    }
    is_charged = case["IsCharged"] is True
    if is_new or is_charged:
        acf["is_charged"] = "sportlink" if is_charged else ""
    return {"title": title, "status": "publish", "seizoen": [season_term], "acf": acf}


def _compact(day: Any) -> str:
    """YYYYMMDD, as the dates of a case are written, and those alone."""
    match = _DAY.fullmatch(str(day or ""))
    return "".join(match.groups()) if match else ""


def _codes(codes: Any) -> str:
    return json.dumps(codes, ensure_ascii=False) if isinstance(codes, list) else str(codes or "")


def _fee(fee: Any) -> float | None:
    """A number, or nothing: an empty text is refused."""
    if isinstance(fee, bool):
        return None
    if isinstance(fee, int | float):
        return fee
    text = str(fee or "")
    return parse_amount(text) if re.search(r"\d", text) else None
