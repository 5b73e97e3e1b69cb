"""Contact fields that somebody changed in Rondo Club: notice them, and see whether Sportlink or Rondo Club is right."""

import logging

from pipelines.clients import JsonObject
from pipelines.state import Change
from pipelines.systems import Systems
from pipelines.transform.contacts import changed_contacts, is_difference, is_newer, latest_changes, rondo_club_contacts

logger = logging.getLogger(__name__)


def detect_changes(systems: Systems, person: JsonObject) -> None:
    """Note which contact fields of a member are not what Rondo Club had before.

    Args:
        systems: Hold the state.
        person: As Rondo Club shows it, with `id`, `modified_gmt` and `acf`.
    """
    state, knvb_id = systems.state.contacts, person["acf"].get("knvb-id") or ""
    known = state.fields(knvb_id, person_id=person["id"])
    values = rondo_club_contacts(person["acf"])
    if changed := changed_contacts(known, values):
        state.add_changes(knvb_id, changed, modified_at=person["modified_gmt"])
        logger.debug("%s: %s changed in Rondo Club", knvb_id, ", ".join(changed))
    if unseen := [name for name in values if name in known and known[name].rondo_club_value is None]:
        state.note_rondo_club(knvb_id, {name: values[name] for name in unseen})


def unsettled_changes(systems: Systems, knvb_id: str) -> list[Change]:
    """A member's changes that Sportlink shall have, one a field. All others are settled: the last write wins."""
    state = systems.state.contacts
    pending, known = state.pending_changes(knvb_id), state.fields(knvb_id)
    different = [change for change in latest_changes(pending) if is_difference(change, known[change.field_name])]
    wanted = [change for change in different if is_newer(change, known[change.field_name])]
    for change in different:
        right = "Rondo Club" if change in wanted else "Sportlink"
        logger.debug("%s: %s differs, %s is right", knvb_id, change.field_name, right)
    state.settle(change for change in pending if change not in wanted)
    return wanted
