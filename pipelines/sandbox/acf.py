"""The custom fields of a person in Rondo Club: what may be written, what is kept, and how it reads back.

As with Advanced Custom Fields behind the REST API: fields that are not named stay as they are, names that are not known are left
out without a word, and a repeater is replaced as a whole.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

JsonObject = dict[str, Any]

PARENT, CHILD, SIBLING = 2, 3, 4
RELATIONSHIP_TYPES = frozenset({PARENT, CHILD, SIBLING})

Check = Callable[[str, Any], list[str]]

_CONTRIBUTION = re.compile(r"_nikki_\d{4}_(?:(total|saldo)|status)")


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lstrip("-").replace(".", "", 1).isdecimal()
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_text(path: str, value: Any) -> list[str]:
    """Why a value is not taken as text; empty when it is."""
    return [] if value is None or isinstance(value, str) else [f"{path} is niet van het type string,null."]


def check_number(path: str, value: Any) -> list[str]:
    """As `check_text`, for a number: empty text is none."""
    return [] if value is None or _is_number(value) else [f"{path} is niet van het type number,null."]


def check_day(path: str, value: Any, *, written: str = "YYYY-MM-DD") -> list[str]:
    """As `check_text`, for a day; every field has its own way to write one."""
    if value in (None, ""):
        return []
    digits = value.replace("-", "") if isinstance(value, str) else ""
    is_day = digits.isdecimal() and re.sub("[0-9]", "#", str(value)) == re.sub("[YMD]", "#", written)
    return [] if is_day else [f"{path} is geen datum ({written})."]


def _check_flag(path: str, value: Any) -> list[str]:
    known = value is None or isinstance(value, bool) or value in (0, 1, "0", "1", "true", "false")
    return [] if known else [f"{path} is niet van het type boolean,null."]


def check_gender(path: str, value: Any) -> list[str]:
    """As `check_text`, for a choice of two."""
    return [] if value in (None, "", "male", "female") else [f"{path} is niet een van male en female."]


def _check_term(path: str, value: Any) -> list[str]:
    if isinstance(value, list) and all(isinstance(term, int) and not isinstance(term, bool) for term in value):
        return []
    return [f"{path} is niet van het type array."]


def check_post(path: str, value: Any) -> list[str]:
    """As `check_text`, for the id of a post."""
    is_id = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return [] if is_id else [f"{path} is niet van het type integer."]


def _rows(columns: Mapping[str, Check]) -> Check:
    """The check of a repeater."""

    def check(path: str, value: Any) -> list[str]:
        if value is None or value is False:
            return []
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            return [f"{path} is niet van het type array,null."]
        return [
            problem
            for index, row in enumerate(value)
            for name, check_column in columns.items()
            if name in row
            for problem in check_column(f"{path}[{index}][{name}]", row[name])
        ]

    return check


REPEATERS: Mapping[str, Mapping[str, Check]] = {
    "contact_info": {"contact_type": check_text, "contact_label": check_text, "contact_value": check_text},
    "addresses": {
        "address_label": check_text,
        "street": check_text,
        "postal_code": check_text,
        "city": check_text,
        "state": check_text,
        "country": check_text,
    },
    "work_history": {
        "team": check_post,
        "job_title": check_text,
        "is_current": _check_flag,
        "start_date": check_day,
        "end_date": check_day,
    },
    "relationships": {"related_person": check_post, "relationship_type": _check_term, "relationship_label": check_text},
}
NUMBERS = ("birth_year", "freescout-id")
FLAGS = ("financiele-blokkade", "former_member")
TEXTS = (
    "first_name",
    "infix",
    "last_name",
    "nickname",
    "knvb-id",
    "birthdate",
    "lid-sinds",
    "lid-tot",
    "leeftijdsgroep",
    "type-lid",
    "datum-foto",
    "datum-vog",
    "datum-overlijden",
    "factuur-adres",
    "factuur-email",
    "factuur-referentie",
)

_CHECKS: Mapping[str, Check] = {
    **dict.fromkeys(TEXTS, check_text),
    **dict.fromkeys(NUMBERS, check_number),
    **dict.fromkeys(FLAGS, _check_flag),
    "gender": check_gender,
    **{name: _rows(columns) for name, columns in REPEATERS.items()},
}
_NAMES = ("first_name", "last_name")


def person(name: str, *, email: str) -> JsonObject:
    """The fields of somebody who was typed in by hand."""
    first_name, _, last_name = name.rpartition(" ")
    contact = {"contact_type": "email", "contact_label": "", "contact_value": email}
    return {"first_name": first_name, "last_name": last_name, "contact_info": [contact]}


def volunteer(member: Mapping[str, Any]) -> JsonObject:
    """The fields of a member that the club gave a task; all else is left to a sync."""
    return {"first_name": member["FirstName"], "last_name": member.get("LastName") or "", "knvb-id": member["PublicPersonId"]}


def find_problems(acf: Any) -> list[str]:
    """Why the `acf` of a request is refused; empty when it is fine. Both names are asked for on every write."""
    if not isinstance(acf, dict):
        return ["acf is niet van het type object."]
    missing = [f"{name} is een verplichte eigenschap van acf." for name in _NAMES if not isinstance(acf.get(name), str)]
    wrong = [problem for name in acf if (check := _find_check(name)) for problem in check(f"acf[{name}]", acf[name])]
    return missing + [problem for problem in wrong if problem not in missing]


def merge(stored: JsonObject, written: JsonObject) -> JsonObject:
    """What is kept after a write that has no problems."""
    return {**stored, **{name: _keep(name, value) for name, value in written.items() if _find_check(name)}}


def show(stored: JsonObject, *, is_volunteer: bool) -> JsonObject:
    """The custom fields as the API shows them: all of them, and the volunteer flag, which is worked out."""
    shown: JsonObject = {name: stored.get(name) or "" for name in (*TEXTS, "gender")}
    shown |= {name: stored.get(name) for name in NUMBERS}
    shown |= {name: stored.get(name, False) for name in FLAGS}
    shown |= {name: stored.get(name, []) for name in REPEATERS}
    shown |= {name: value for name, value in stored.items() if _CONTRIBUTION.fullmatch(name)}
    return shown | {"huidig-vrijwilliger": "1" if is_volunteer else "0"}


def email_addresses(stored: JsonObject) -> set[str]:
    """The mail addresses among the contact details, in lower case."""
    rows = stored.get("contact_info", [])
    return {(row["contact_value"] or "").strip().lower() for row in rows if row["contact_type"] == "email"} - {""}


def title(stored: JsonObject) -> str:
    """The name of a person in full."""
    parts = (stored.get(name) or "" for name in ("first_name", "infix", "last_name"))
    return " ".join(part.strip() for part in parts if part.strip())


def _find_check(name: str) -> Check | None:
    """The check of a field; None for a name that is not known. The fields for contributions carry a year."""
    contribution = _CONTRIBUTION.fullmatch(name)
    if contribution:
        return check_number if contribution[1] else check_text
    return _CHECKS.get(name)


def _keep(name: str, value: Any) -> Any:
    if name in REPEATERS:
        return [_keep_row(REPEATERS[name], row) for row in value or []]
    if name in NUMBERS and isinstance(value, str):
        return float(value) if "." in value else int(value)
    if name in FLAGS:
        return value in (True, 1, "1", "true")
    return value


def _keep_row(columns: Mapping[str, Check], row: JsonObject) -> JsonObject:
    kept = {name: row.get(name, "") for name in columns}
    if "relationship_type" in kept:
        # Terms that do not exist are accepted and lost, as the real one does.
        known = [term for term in kept["relationship_type"] or [] if term in RELATIONSHIP_TYPES]
        kept["relationship_type"] = known[0] if known else None
    return kept
