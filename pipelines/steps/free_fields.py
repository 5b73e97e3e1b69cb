"""Bring what the tabs of members say to their persons, in the run that downloaded it."""

import logging
from datetime import date

from pipelines.errors import RondoClubError, RondoClubNotFoundError
from pipelines.result.functions import FreeFieldsResult
from pipelines.state import FreeFields
from pipelines.steps.items import item
from pipelines.systems import Systems
from pipelines.transform.free_fields import FINANCIAL_BLOCK, changed_fields
from pipelines.transform.person import partial_body

logger = logging.getLogger(__name__)


def sync_free_fields(systems: Systems, result: FreeFieldsResult, *, force: bool, today: date) -> None:
    """Write the free fields that are new or different; by force, all that a person does not show as they are."""
    state = systems.state.functions
    person_ids = systems.state.rondo.person_ids()
    unsynced = state.unsynced_fields(force=force)
    free_fields = state.free_fields()
    result.total = sum(member.person_id is not None and member.knvb_id in free_fields for member in systems.state.rondo.members())
    result.skipped = result.total - len(unsynced)
    for fields in systems.track(unsynced, "syncing free fields"):
        with item(result.failures, knvb_id=fields.knvb_id, system="free-fields-sync"):
            is_written = _write_fields(systems, fields, person_ids[fields.knvb_id], today)
            result.updated += is_written
            result.skipped += not is_written
    logger.info("free fields: %s", result.told("updated", "skipped"))


def _write_fields(systems: Systems, fields: FreeFields, person_id: int, today: date) -> bool:
    """Returns whether anything had to be written. A person that is gone waits until it is created again."""
    try:
        with systems.editing(person_id) as person:
            changed = changed_fields(dict(fields.fields), person["acf"])
            if changed:
                systems.rondo_club.update_person(person_id, partial_body(person["acf"], **changed))
    except RondoClubNotFoundError:
        systems.state.rondo.forget_person(person_id)
        return False
    systems.state.functions.mark_fields_synced(fields, person_id)
    if FINANCIAL_BLOCK in changed:
        _tell_block(systems, person_id, today, is_blocked=changed[FINANCIAL_BLOCK] is True)
    return bool(changed)


def _tell_block(systems: Systems, person_id: int, today: date, *, is_blocked: bool) -> None:
    """The block itself is written: that its history lacks a line is not worth a failure."""
    content = f"Financiele blokkade {'ingesteld' if is_blocked else 'opgeheven'}"
    try:
        systems.rondo_club.add_activity(
            person_id, content=content, activity_type="financial_block_change", activity_date=today.isoformat()
        )
    except RondoClubError as error:
        logger.warning("no activity for a financial block: %s", error.log_text)
