"""Sportlink members -> their parents, each once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.clients import JsonObject
from pipelines.transform.person import address_rows, contact_rows, is_person
from pipelines.transform.relationships import relationship
from pipelines.transform.sportlink import MemberRecord, ParentSlot, distinct


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentRecord:
    """A parent, put together from all children that name its address.

    Attributes:
        email: The key of a parent, normalized.
        name: Whole name; Sportlink does not tell its parts.
        phones: All numbers that the children give.
        address: Rows of the address repeater: where the first child lives.
        child_knvb_ids: The children, each once.
    """

    email: str
    name: str
    phones: tuple[str, ...]
    address: tuple[JsonObject, ...]
    child_knvb_ids: tuple[str, ...]


def collect_parents(members: Iterable[MemberRecord]) -> list[ParentRecord]:
    """The parents of these members that have an address and a name.

    There is none for a parent whose name nobody gives: made-up names would change with every download.
    """
    mentions: dict[str, list[tuple[MemberRecord, ParentSlot]]] = {}
    for child in members:
        for slot in child.parents() if is_person(child) else ():
            mentions.setdefault(slot.email, []).append((child, slot))
    return [_parent(email, pairs) for email, pairs in mentions.items() if any(slot.name for _, slot in pairs)]


def parent_body(parent: ParentRecord, child_ids: Iterable[int], child_type: int) -> JsonObject:
    """The request body that creates a parent's person, related to these persons as its children."""
    contacts = [("email", parent.email), *(("phone", phone) for phone in parent.phones)]
    return {
        "status": "publish",
        "acf": {
            "first_name": parent.name,
            "last_name": "",
            "contact_info": contact_rows(contacts),
            "addresses": list(parent.address),
            "relationships": [relationship(child_id, child_type) for child_id in child_ids],
        },
    }


def parent_update(parent: ParentRecord, acf: JsonObject, relationships: Sequence[JsonObject] | None) -> JsonObject | None:
    """The request body that brings a person up to date as this parent.

    Args:
        parent: What is known of the parent.
        acf: The fields of the person as they were read. One that is a member itself keeps its names.
        relationships: What to write over those that it has; None leaves them alone.

    Returns:
        The body, or None when the person is up to date.
    """
    names = {"first_name": acf.get("first_name"), "last_name": acf.get("last_name")}
    wanted = names if acf.get("knvb-id") else {"first_name": parent.name, "last_name": ""}
    if relationships is None:
        return None if wanted == names else {"acf": wanted}
    return {"acf": {**wanted, "relationships": relationships}}


def _parent(email: str, mentions: Sequence[tuple[MemberRecord, ParentSlot]]) -> ParentRecord:
    first_child, _ = mentions[0]
    return ParentRecord(
        email=email,
        name=next(slot.name for _, slot in mentions if slot.name),
        phones=tuple(distinct([slot.phone for _, slot in mentions])),
        address=tuple(address_rows(first_child)),
        child_knvb_ids=tuple(distinct([child.knvb_id for child, _ in mentions])),
    )
