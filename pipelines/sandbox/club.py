"""The made-up club: its members as Sportlink knows them, their teams and tasks, and what the office notes of them."""

import hashlib
import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from pipelines.sandbox.images import JPEG, PNG, make_jpeg, make_png
from pipelines.sandbox.tasks import Listed
from pipelines.sandbox.teams import Team

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A portrait."""

    content: bytes
    content_type: str


@dataclass(slots=True, kw_only=True)
class Club:
    """What is true in the sandbox's world. Tests may change it in place; it is kept when the sandbox stops.

    Attributes:
        day: How many days of changes the club has seen.
        members: A record for each member, with Sportlink's names of the fields.
        volunteers: KNVB IDs.
        teams: Union and club teams, with those who play in them and those who look after them.
        functions: By KNVB ID, as Sportlink lists them.
        committees: By KNVB ID, as Sportlink lists them.
        free_fields: By KNVB ID, as Sportlink shows them.
        blocked: KNVB IDs of those who cannot move to another club before they have paid.
        invoices: By KNVB ID, where bills do not go to the member: `Address` and `PaymentInvoiceInformation`.
        cases: Discipline cases, as Sportlink lists them.
        contributions: What Nikki knows, amounts in cents: a row for each bill.
    """

    size: int
    seed: int
    day: int = 0
    members: list[JsonObject] = field(default_factory=list)
    volunteers: set[str] = field(default_factory=set)
    teams: list[Team] = field(default_factory=list)
    functions: dict[str, Listed] = field(default_factory=dict)
    committees: dict[str, Listed] = field(default_factory=dict)
    free_fields: dict[str, JsonObject] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    invoices: dict[str, JsonObject] = field(default_factory=dict)
    cases: list[JsonObject] = field(default_factory=list)
    contributions: list[JsonObject] = field(default_factory=list)
    _places: dict[str | None, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def make(cls, *, size: int, seed: int) -> Self:
        """Make up a club: the same for the same size and seed."""
        from pipelines.sandbox.founding import found  # noqa: PLC0415  takes Faker, which is slow to load

        return cls(size=size, seed=seed, **found(size, seed=seed))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        stored = json.loads(path.read_text(encoding="utf-8"))
        stored["teams"] = [Team(**team) for team in stored["teams"]]
        return cls(**{**stored, "volunteers": set(stored["volunteers"]), "blocked": set(stored["blocked"])})

    def save(self, path: Path) -> None:
        """Write the club; a reader finds the old or the new one, never half of it."""
        stored = {one.name: getattr(self, one.name) for one in fields(self) if one.init}
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(stored, ensure_ascii=False, default=_plain), encoding="utf-8")
        beside.replace(path)

    def clear(self) -> None:
        """Leave a club of nobody, with nothing noted."""
        empty = Club(size=self.size, seed=self.seed)
        for one in fields(self):
            setattr(self, one.name, getattr(empty, one.name))

    def find_member(self, knvb_id: str) -> JsonObject | None:
        """The record of a member."""
        if not self._is_at(self._places.get(knvb_id), knvb_id):
            # Whoever changes the list of members tells nobody: where they are is looked up, and looked up anew when it is wrong.
            self._places = {member.get("PublicPersonId"): place for place, member in reversed([*enumerate(self.members)])}
        place = self._places.get(knvb_id)
        return None if place is None else self.members[place]

    def find_photo(self, knvb_id: str) -> Photo | None:
        """The photo of a member: another one for every `PersonImageDate`, none without."""
        member = self.find_member(knvb_id)
        image_date = member and member.get("PersonImageDate")
        return make_photo(f"{knvb_id} {image_date}") if image_date else None

    def _is_at(self, place: int | None, knvb_id: str) -> bool:
        return place is not None and place < len(self.members) and self.members[place].get("PublicPersonId") == knvb_id


def make_photo(text: str) -> Photo:
    """A photo that belongs to a text."""
    if hashlib.sha256(text.encode()).digest()[0] % 4:
        return Photo(content=make_jpeg(text), content_type=JPEG)
    return Photo(content=make_png(text), content_type=PNG)


def _plain(value: set[str] | Team) -> Any:
    """What JSON has no word for."""
    return sorted(value) if isinstance(value, set) else {one.name: getattr(value, one.name) for one in fields(value)}
