"""The relationships repeater of a person.

Rondo Club reads a relationship's type as a number or as a list, and wants it written as a list. A PUT replaces the whole
repeater, so what is there already must be sent along.
"""

from collections.abc import Iterable

from pipelines.clients import JsonObject


def add_relationships(
    acf: JsonObject, person_id: int, related_ids: Iterable[int], relationship_type: int
) -> list[JsonObject] | None:
    """The person's relationships with those that are missing.

    Args:
        acf: The fields of the person, as they were read.
        person_id: The person; relationships with itself are dropped, as are those with nobody.
        related_ids: The persons that it must have a relationship of this type with.
        relationship_type: What the related persons are to this one.

    Returns:
        The rows to write, or None when nothing has to be written.
    """
    present = [_row(row) for row in acf.get("relationships") or []]
    # A relationship whose person is gone reads as one with nobody, and is refused when it is written back.
    kept = [row for row in present if row["related_person"] not in (person_id, None)]
    known = {row["related_person"] for row in kept if relationship_type in row["relationship_type"]}
    missing = [related for related in dict.fromkeys(related_ids) if related not in known and related != person_id]
    added = [relationship(related, relationship_type) for related in missing]
    return [*kept, *added] if added or len(kept) < len(present) else None


def relationship(related_id: int, relationship_type: int) -> JsonObject:
    """A row of the repeater, as it is written."""
    return {"related_person": related_id, "relationship_type": [relationship_type], "relationship_label": ""}


def _row(row: JsonObject) -> JsonObject:
    person = read_ids(row.get("related_person"))
    return {
        "related_person": person[0] if person else None,
        "relationship_type": read_ids(row.get("relationship_type")),
        "relationship_label": row.get("relationship_label") or "",
    }


def read_ids(value: object) -> list[int]:
    """The ids that a field shows: a number, a list of numbers, or numbers as texts."""
    values = value if isinstance(value, list) else [value]
    return [int(one) for one in values if isinstance(one, int | str) and str(one).isdecimal()]
