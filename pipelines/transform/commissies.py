"""Functions and committee places of Sportlink -> commissies of Rondo Club, and who is in them."""

from collections.abc import Iterable, Iterator, Sequence

from pipelines.clients import JsonObject
from pipelines.state import Place, WantedPost

WHOLE_CLUB = "Verenigingsbreed"
"""The commissie of those who have a function in the club as a whole; Sportlink does not know it."""

_ACTIVE = {"ACTIVE", "Actief"}


def read_places(knvb_id: str, functions: Iterable[JsonObject], committees: Iterable[JsonObject]) -> list[Place]:
    """A member's places, each once: one that is over counts only where the member does not have it again."""
    raw = [*(_function(knvb_id, row) for row in functions), *(_committee(knvb_id, row) for row in committees)]
    places = sorted((place for place in raw if place), key=lambda place: place.is_active)
    return list({(place.commissie, place.role): place for place in places}.values())


def wanted_commissies(places: Sequence[Place]) -> list[WantedPost]:
    """The posts that Rondo Club shall have, one for each name, in the order of the places."""
    names = dict.fromkeys(place.commissie for place in places)
    return [WantedPost(key=name, name=name, body={"title": name, "status": "publish"}) for name in names]


def active_roles(places: Iterable[Place]) -> Iterator[Place]:
    """The places that belong into a work history: those that are not over and have a role."""
    return (place for place in places if place.is_active and place.role)


def _function(knvb_id: str, raw: JsonObject) -> Place | None:
    role = _text(raw.get("FunctionDescription"))
    return _place(knvb_id, WHOLE_CLUB, role, raw) if role else None


def _committee(knvb_id: str, raw: JsonObject) -> Place | None:
    name = _text(raw.get("CommitteeName"))
    role = _text(raw.get("CommitteeFunctionName")) or _text(raw.get("FunctionDescription"))
    return _place(knvb_id, name, role, raw) if name else None


def _place(knvb_id: str, commissie: str, role: str, raw: JsonObject) -> Place:
    return Place(
        knvb_id=knvb_id,
        commissie=commissie,
        role=role,
        sportlink_id=_text(raw.get("PublicCommitteeId")) or _text(raw.get("CommitteeId")),
        start_date=_text(raw.get("RelationStart")).partition("T")[0],
        is_active=raw.get("Status") in _ACTIVE or not raw.get("RelationEnd"),
    )


def _text(value: object) -> str:
    return str(value).strip() if isinstance(value, str | int) else ""
