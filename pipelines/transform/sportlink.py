"""A member as Sportlink gives it, with every field a text."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Self

_KNVB_ID = re.compile(r"[A-Za-z0-9]+")


class ParentSlot(NamedTuple):
    """One of the two places for a parent in a member's record; `email` is a valid address."""

    name: str
    email: str
    phone: str


class MemberRecord(dict[str, str]):
    """The fields of a member by Sportlink's names, trimmed; one that is missing or empty is an empty text."""

    def __missing__(self, field: str) -> str:
        return ""

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Self:
        """Read one element of what SearchMembers gives, where any field may be null, a number or missing."""
        return cls({field: text for field, value in raw.items() if (text := _text(value))})

    @property
    def knvb_id(self) -> str:
        """The key of the member everywhere, fit to be a file name; empty without a usable one."""
        knvb_id = self["PublicPersonId"]
        return knvb_id if _KNVB_ID.fullmatch(knvb_id) else ""

    @property
    def name(self) -> str:
        """First name, infix and last name."""
        return " ".join(part for part in (self["FirstName"], self["Infix"], self["LastName"]) if part)

    @property
    def email(self) -> str:
        """The primary address, normalized; empty without a valid one."""
        return normalized_email(self["Email"])

    @property
    def alternative_email(self) -> str:
        """The second address, normalized; empty without a valid one."""
        return normalized_email(self["EmailAlternative"])

    def parents(self) -> Iterator[ParentSlot]:
        """The parents that have a valid address."""
        for n in (1, 2):
            email = normalized_email(self[f"EmailAddressParent{n}"])
            if email:
                yield ParentSlot(name=self[f"NameParent{n}"], email=email, phone=self[f"TelephoneParent{n}"])


def normalized_email(text: str) -> str:
    """The form in which addresses are compared; empty for what is no address."""
    return text.strip().lower() if "@" in text else ""


def distinct(texts: Iterable[str]) -> list[str]:
    """The texts that are not empty, each once, in their order."""
    return list(dict.fromkeys(text for text in texts if text))


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip() if isinstance(value, str | int | float) else ""
