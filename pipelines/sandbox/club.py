"""The made-up club: its members as Sportlink knows them, their photos, and who volunteers."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pipelines.sandbox.images import JPEG, PNG, make_jpeg, make_png

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
        members: A record for each member, with Sportlink's names of the fields.
        volunteers: KNVB IDs.
    """

    size: int
    seed: int
    members: list[JsonObject]
    volunteers: set[str]

    @classmethod
    def make(cls, *, size: int, seed: int) -> Self:
        """Make up a club: the same for the same size and seed."""
        from pipelines.sandbox.families import make_members, pick_volunteers  # noqa: PLC0415  takes Faker, which is slow to load

        members = make_members(size, seed=seed)
        return cls(size=size, seed=seed, members=members, volunteers=pick_volunteers(members, seed=seed))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        stored = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**stored, "volunteers": set(stored["volunteers"])})

    def save(self, path: Path) -> None:
        """Write the club; a reader finds the old or the new one, never half of it."""
        stored = {"size": self.size, "seed": self.seed, "members": self.members, "volunteers": sorted(self.volunteers)}
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(stored, ensure_ascii=False), encoding="utf-8")
        beside.replace(path)

    def find_member(self, knvb_id: str) -> JsonObject | None:
        """The record of a member."""
        return next((member for member in self.members if member.get("PublicPersonId") == knvb_id), None)

    def find_photo(self, knvb_id: str) -> Photo | None:
        """The photo of a member: another one for every `PersonImageDate`, none without."""
        member = self.find_member(knvb_id)
        image_date = member and member.get("PersonImageDate")
        return make_photo(f"{knvb_id} {image_date}") if image_date else None


def make_photo(text: str) -> Photo:
    """A photo that belongs to a text."""
    if hashlib.sha256(text.encode()).digest()[0] % 4:
        return Photo(content=make_jpeg(text), content_type=JPEG)
    return Photo(content=make_png(text), content_type=PNG)
