"""Make persons of parents, and relate them to their children."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.errors import RondoClubNotFoundError
from pipelines.result.people import PersonCounts
from pipelines.state import Parent, source_hash
from pipelines.steps.items import find_orphans, item
from pipelines.systems import Systems
from pipelines.transform.parents import ParentRecord, collect_parents, parent_body, parent_update
from pipelines.transform.person import partial_body
from pipelines.transform.relationships import add_relationships
from pipelines.transform.sportlink import MemberRecord

logger = logging.getLogger(__name__)

SYSTEM = "rondoClub"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """A parent with its children's persons, as far as they have one, and all persons that are known to have its address."""

    parent: ParentRecord
    known: Parent
    child_ids: tuple[int, ...]
    namesake_ids: tuple[int, ...]

    @property
    def source_hash(self) -> str:
        """Changes with what an update writes: the name, and the relationships with the children's persons."""
        return source_hash({"email": self.parent.email, "name": self.parent.name, "children": self.child_ids})


def sync_parents(systems: Systems, result: PersonCounts, records: Sequence[MemberRecord], *, force: bool) -> None:
    """Write the parents of these members that are new or different; all of them by force.

    The members have to be in Rondo Club before, because parents are related to their persons.
    """
    state = systems.state.rondo
    known = state.parents()
    parents = collect_parents(records)
    state.store_parents({parent.email: _remembered(parent) for parent in parents})

    families = _families(systems, parents)
    changed = [family for family in families if force or family.known.last_synced_hash != family.source_hash]
    result.total, result.skipped = len(families), len(families) - len(changed)
    for family in systems.track(changed, "syncing parents"):
        with item(result.failures, email=family.parent.email, system=SYSTEM):
            _write_parent(systems, result, family)
    present = {parent.email for parent in parents}
    for orphan in find_orphans(known, present, result.failures, system=SYSTEM):
        with item(result.failures, email=orphan.email, system=SYSTEM):
            result.deleted += _delete_parent(systems, orphan)
    logger.info("parents: %s", result.told("created", "updated", "skipped", "deleted"))


def _remembered(parent: ParentRecord) -> dict[str, object]:
    data = {"name": parent.name, "phones": parent.phones, "addresses": parent.address}
    return {"data": data, "childKnvbIds": parent.child_knvb_ids}


def _families(systems: Systems, parents: Sequence[ParentRecord]) -> list[_Family]:
    state = systems.state.rondo
    known, strangers = state.parents(), state.strangers()
    ids: dict[str, int] = {}
    ids_by_email: defaultdict[str | None, list[int]] = defaultdict(list)
    for member in state.members():
        if member.person_id is not None:
            ids[member.knvb_id] = member.person_id
            ids_by_email[member.email].append(member.person_id)
    return [
        _Family(
            parent=parent,
            known=known[parent.email],
            child_ids=tuple(ids[knvb_id] for knvb_id in parent.child_knvb_ids if knvb_id in ids),
            # Members first: Rondo Club itself names one person for an address, which may be a child that shares it.
            namesake_ids=(*ids_by_email[parent.email], *strangers.get(parent.email, ())),
        )
        for parent in parents
    ]


def _write_parent(systems: Systems, result: PersonCounts, family: _Family) -> None:
    """A family in which every person was as it should be is skipped."""
    updated = _update_known(systems, family)
    person_id, has_changed = updated or (_create_parent(systems, family), True)
    related = [_relate_child(systems, child_id, person_id) for child_id in family.child_ids]
    systems.state.rondo.mark_parent_synced(family.parent.email, family.source_hash)
    if updated is None:
        result.created += 1
    elif has_changed or any(related):
        result.updated += 1
    else:
        result.skipped += 1


def _update_known(systems: Systems, family: _Family) -> tuple[int, bool] | None:
    """Bring the parent's person up to date, the one known from before or one that matches.

    Returns:
        The person and whether it was written; None when there is none.
    """
    # A member that was this parent may have the same address as a parent of its own by now.
    known_id = None if family.known.person_id in family.child_ids else family.known.person_id
    if known_id is not None and (has_changed := _update_parent(systems, family, known_id)) is not None:
        return known_id, has_changed
    match_id = _match_person(systems, family)
    if match_id is None or (has_changed := _update_parent(systems, family, match_id)) is None:
        return None
    systems.state.rondo.set_parent_person(family.parent.email, match_id, owns_person=False)
    return match_id, has_changed


def _match_person(systems: Systems, family: _Family) -> int | None:
    """Another person with the parent's address. Children share addresses with their parents and are never a match."""
    if family.namesake_ids:
        return next((person_id for person_id in family.namesake_ids if person_id not in family.child_ids), None)
    found_id = systems.rondo_club.find_person_by_email(family.parent.email)
    return None if found_id in family.child_ids else found_id


def _update_parent(systems: Systems, family: _Family, person_id: int) -> bool | None:
    """Returns whether the person had to be written; None when it is gone."""
    try:
        with systems.editing(person_id) as person:
            child_type = systems.settings.rondo_club.child_type
            relationships = add_relationships(person["acf"], person_id, family.child_ids, child_type)
            body = parent_update(family.parent, person["acf"], relationships)
            if body is not None:
                systems.rondo_club.update_person(person_id, body)
    except RondoClubNotFoundError:
        systems.state.rondo.forget_person(person_id)
        return None
    return body is not None


def _create_parent(systems: Systems, family: _Family) -> int:
    body = parent_body(family.parent, family.child_ids, systems.settings.rondo_club.child_type)
    person_id = systems.rondo_club.create_person(body, subject=family.parent.email)
    systems.state.rondo.set_parent_person(family.parent.email, person_id, owns_person=True)
    return person_id


def _relate_child(systems: Systems, child_id: int, parent_id: int) -> bool:
    """Returns whether the child had to be written."""
    try:
        with systems.editing(child_id) as child:
            relationships = add_relationships(child["acf"], child_id, [parent_id], systems.settings.rondo_club.parent_type)
            if relationships is not None:
                systems.rondo_club.update_person(child_id, partial_body(child["acf"], relationships=relationships))
    except RondoClubNotFoundError:
        # The next run creates the child again; its new id then brings the parent back here.
        systems.state.rondo.forget_person(child_id)
        return False
    return relationships is not None


def _delete_parent(systems: Systems, orphan: Parent) -> bool:
    """A person that was there before us, or is somebody else by now, is left alone.

    Returns:
        Whether there was a person to delete.
    """
    is_ours = orphan.owns_person and not systems.state.rondo.is_shared(orphan)
    person_id = orphan.person_id if is_ours else None
    if person_id is not None:
        systems.rondo_club.delete_person(person_id)
    systems.state.rondo.delete_parent(orphan.email)
    return person_id is not None
