"""Makes up what members do for the club: their functions, and their places in committees."""

import random
from collections.abc import Iterable
from typing import Any

JsonObject = dict[str, Any]
Listed = list[JsonObject] | JsonObject
"""Sportlink gives one row as an object, several as a list; now and then a list for one."""

FUNCTIONS = (
    "Voorzitter",
    "Secretaris",
    "Penningmeester",
    "Scheidsrechter",
    "Wedstrijdsecretaris",
    "Vertrouwenspersoon",
    "Kantinemedewerker",
    "Terreinmedewerker",
)
COMMITTEES = ("Activiteitencommissie", "Jeugdcommissie", "Kantinecommissie", "Sponsorcommissie", "Technische commissie")
COMMITTEE_ROLES = ("Commissielid", "Coördinator", "Voorzitter")

_ENDED = {"RelationEnd": "2025-06-30", "Status": "ENDED"}
_TWO_FUNCTIONS, _ENDED_FUNCTION, _TWO_ROLES, _NO_ROLE, _NO_NAME, _OTHER_KEYS = 3, 4, 5, 6, 7, 2


def make_functions(volunteers: Iterable[str], *, seed: int) -> dict[str, Listed]:
    """Functions by KNVB ID; some members have two at once, some have ended theirs."""
    rng = random.Random(f"functions {seed}")  # noqa: S311  nothing secret
    functions: dict[str, Listed] = {}
    for number, knvb_id in enumerate(sorted(volunteers)):
        names = rng.sample(FUNCTIONS, 2 if number % _TWO_FUNCTIONS == 0 else 1)
        rows = [function(name, _since(rng)) for name in names]
        if number % _ENDED_FUNCTION == 1:
            rows.append({**function("Jeugdleider", _since(rng)), **_ENDED})
        functions[knvb_id] = _listed(rows, number)
    return functions


def make_committees(volunteers: Iterable[str], *, seed: int) -> dict[str, Listed]:
    """Places in committees by KNVB ID: two roles in one committee, places without a role, and some without a name."""
    rng = random.Random(f"committees {seed}")  # noqa: S311  nothing secret
    committees: dict[str, Listed] = {}
    for number, knvb_id in enumerate(sorted(volunteers)):
        if number % 2 == 0:
            committees[knvb_id] = _listed(_places(number // 2, rng), number)
    return committees


def function(name: str, since: str) -> JsonObject:
    """A function that somebody has."""
    return {"FunctionDescription": name, "RelationStart": since, "RelationEnd": None, "Status": "ACTIVE"}


def place(committee: str, role: str | None, since: str, *, other_keys: bool = False) -> JsonObject:
    """A place in a committee; two of its fields go by two names each."""
    key = f"C{COMMITTEES.index(committee) + 1:03}"
    named = {"CommitteeId": key, "FunctionDescription": role}
    if not other_keys:
        named = {"PublicCommitteeId": key, "CommitteeFunctionName": role}
    return {"CommitteeName": committee, **named, "RelationStart": since, "RelationEnd": None, "Status": "Actief"}


def _places(number: int, rng: random.Random) -> list[JsonObject]:
    committee = rng.choice(COMMITTEES)
    role = None if number % _NO_ROLE == _NO_ROLE - 1 else rng.choice(COMMITTEE_ROLES[:2])
    rows = [place(committee, role, _since(rng), other_keys=number % _OTHER_KEYS == 1)]
    if number % _TWO_ROLES == 1:
        rows.append(place(committee, COMMITTEE_ROLES[2], _since(rng)))
    if number % _NO_NAME == _NO_NAME - 1:
        rows.append({**place(COMMITTEES[0], role, _since(rng)), "CommitteeName": ""})
    return rows


def _since(rng: random.Random) -> str:
    """A first day; some carry a time."""
    return f"20{rng.randrange(14, 26)}-{rng.randrange(1, 13):02}-01{rng.choice(('', '', 'T00:00:00'))}"


def _listed(rows: list[JsonObject], number: int) -> Listed:
    return rows[0] if len(rows) == 1 and number % 2 == 0 else rows
