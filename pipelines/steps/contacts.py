"""Bring contact details that were changed in Rondo Club back to Sportlink."""

import logging
from collections.abc import Sequence

from pipelines.errors import LoginError, SportlinkError
from pipelines.result.people import PushedMember, ReverseSyncResult
from pipelines.state import Change
from pipelines.steps.changes import unsettled_changes
from pipelines.steps.items import is_refusal
from pipelines.steps.refresh import refresh_persons
from pipelines.systems import Systems
from pipelines.transform.contacts import form_inputs

logger = logging.getLogger(__name__)

ATTEMPTS = 3


def push_contacts(systems: Systems, result: ReverseSyncResult) -> None:
    """See what was changed in Rondo Club, and fill it in in Sportlink's form, member by member.

    Without changes Sportlink is not even asked.

    Raises:
        RondoClubError: Rondo Club does not say what was changed.
        LoginError: Sportlink does not let us in; what is pushed already stays pushed.
    """
    refresh_persons(systems)
    unsettled = [(knvb_id, unsettled_changes(systems, knvb_id)) for knvb_id in systems.state.contacts.changed_members()]
    pending = [(knvb_id, changes) for knvb_id, changes in unsettled if changes]
    for knvb_id, changes in systems.track(pending, "pushing contact details"):
        result.results.append(_push_member(systems, knvb_id, changes))
    if pending:
        logger.info("members pushed to Sportlink: %s", result.told("updated"))


def _push_member(systems: Systems, knvb_id: str, changes: Sequence[Change]) -> PushedMember:
    inputs = form_inputs(changes)
    attempts, error = _try_update(systems, knvb_id, inputs)
    if error is None:
        systems.state.contacts.mark_pushed(changes)
    message = None if error is None else str(error)
    return PushedMember(knvb_id=knvb_id, attempts=attempts, field_count=len(inputs), error=message)


def _try_update(systems: Systems, knvb_id: str, inputs: dict[str, str]) -> tuple[int, SportlinkError | None]:
    """Returns how many attempts it took, and why the last one failed, if it did."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            systems.sportlink.update_contact(knvb_id, inputs)
        except LoginError:
            raise
        except SportlinkError as error:
            if attempt == ATTEMPTS or is_refusal(error):
                return attempt, error
        else:
            return attempt, None
    raise AssertionError("unreachable")
