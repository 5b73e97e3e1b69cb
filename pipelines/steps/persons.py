"""Make persons of members, and of their parents, in Rondo Club."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache

from pipelines.clients import JsonObject
from pipelines.errors import RondoClubNotFoundError
from pipelines.result.people import PersonCounts, PersonsResult
from pipelines.state import Member, PhotoState, WantedMember
from pipelines.steps.changes import detect_changes, unsettled_changes
from pipelines.steps.items import find_orphans, item
from pipelines.steps.members import latest_members
from pipelines.steps.parents import sync_parents
from pipelines.steps.photos import remove_photo
from pipelines.steps.refresh import refresh_persons
from pipelines.systems import Systems
from pipelines.transform.contacts import rondo_club_contacts, sportlink_contacts
from pipelines.transform.person import is_person, keep_changes, keep_contacts, partial_body, person_body, remote_person
from pipelines.transform.photos import next_photo_state
from pipelines.transform.sportlink import MemberRecord

logger = logging.getLogger(__name__)

SYSTEM = "rondoClub"


def sync_persons(systems: Systems, result: PersonsResult, *, force: bool = False) -> None:
    """Write to Rondo Club what is new or different since it was written last; everybody by force.

    Raises:
        RondoClubError: Rondo Club does not say who is there already, without which nobody may be created.
    """
    refresh_persons(systems)
    records = [record for record in latest_members(systems) if is_person(record)]
    _sync_members(systems, result.members, records, force=force)
    sync_parents(systems, result.parents, records, force=force)


def _sync_members(systems: Systems, result: PersonCounts, records: Sequence[MemberRecord], *, force: bool) -> None:
    known = {member.knvb_id: member for member in systems.state.rondo.members()}
    present = {record.knvb_id for record in records}
    systems.state.rondo.store_members([_wanted(record, known.get(record.knvb_id)) for record in records])
    systems.state.contacts.note_sportlink({record.knvb_id: sportlink_contacts(record) for record in records})

    members = [member for member in systems.state.rondo.members() if member.knvb_id in present]
    changed = [member for member in members if force or member.is_changed]
    result.total, result.skipped = len(members), len(members) - len(changed)
    find_persons = cache(lambda: _find_persons(systems))
    for member in systems.track(changed, "syncing members"):
        with item(result.failures, knvb_id=member.knvb_id, system=SYSTEM):
            _write_member(systems, result, member, _known_persons(member, find_persons))
    for member in find_orphans(known, present, result.failures, system=SYSTEM):
        with item(result.failures, knvb_id=member.knvb_id, system=SYSTEM):
            result.deleted += _retire_member(systems, member)
    logger.info("members: %s", result.told("created", "updated", "skipped", "deleted"))


def _wanted(record: MemberRecord, known: Member | None) -> WantedMember:
    date = record["PersonImageDate"] or None
    state, known_date = (known.photo_state, known.image_date) if known else (PhotoState.NO_PHOTO, None)
    return WantedMember(
        knvb_id=record.knvb_id,
        email=record.email or None,
        body=person_body(record),
        image_date=date,
        photo_state=next_photo_state(state, known_date=known_date, date=date),
    )


def _find_persons(systems: Systems) -> Mapping[str, int]:
    """All persons that Rondo Club has at present, by KNVB id."""
    persons = filter(None, map(remote_person, systems.rondo_club.list_people()))
    return {person.knvb_id: person.person_id for person in persons}


def _known_persons(member: Member, find_persons: Callable[[], Mapping[str, int]]) -> Iterator[int]:
    """The person known from before and, if that is gone, who has its KNVB id now: somebody may have made it anew."""
    if member.person_id is not None:
        yield member.person_id
        if member.knvb_id in (persons := find_persons()):
            yield persons[member.knvb_id]


def _write_member(systems: Systems, result: PersonCounts, member: Member, person_ids: Iterator[int]) -> None:
    for known_id in person_ids:
        try:
            result.conflicts += _update_member(systems, member, known_id)
        except RondoClubNotFoundError:
            systems.state.rondo.forget_person(known_id)
        else:
            result.updated += 1
            return
    person_id = systems.rondo_club.create_person(member.body, subject=member.knvb_id)
    _mark_synced(systems, member, person_id, member.body)
    result.created += 1


def _update_member(systems: Systems, member: Member, person_id: int) -> int:
    """Returns in how many fields Rondo Club was right."""
    with systems.editing(person_id) as person:
        detect_changes(systems, person)
        changes = unsettled_changes(systems, member.knvb_id)
        body = keep_contacts(keep_changes(member.body, changes), person["acf"])
        shown = systems.rondo_club.update_person(person_id, body)
    _mark_synced(systems, member, person_id, shown)
    if known := remote_person(person):
        systems.state.rondo.remember_persons([known])
    return len(changes)


def _mark_synced(systems: Systems, member: Member, person_id: int, person: JsonObject) -> None:
    systems.state.contacts.note_rondo_club(member.knvb_id, rondo_club_contacts(person["acf"]))
    systems.state.rondo.mark_member_synced(member, person_id)


def _retire_member(systems: Systems, member: Member) -> bool:
    """A member that left stays a person; its data and its photo are kept in Rondo Club alone. Returns whether there is one."""
    has_person = member.person_id is not None
    if member.person_id is not None:
        try:
            systems.rondo_club.update_person(member.person_id, partial_body(member.body["acf"], former_member=True))
        except RondoClubNotFoundError:
            systems.state.rondo.forget_person(member.person_id)
            has_person = False
    remove_photo(systems.settings.photo_dir, member.knvb_id)
    systems.state.rondo.mark_member_left(member.knvb_id)
    return has_person
