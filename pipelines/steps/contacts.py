"""Bring contact details that were changed in Rondo Club back to Sportlink."""

import logging
from collections.abc import Iterator, Sequence
from itertools import groupby

from pipelines.errors import LoginError, SportlinkError
from pipelines.result import ErrorRecord
from pipelines.result.people import PushedMember, ReverseSyncResult
from pipelines.state import Change
from pipelines.steps.changes import unsettled_changes
from pipelines.steps.items import is_most, is_refusal
from pipelines.steps.refresh import refresh_persons
from pipelines.systems import Systems
from pipelines.transform.contacts import form_inputs

logger = logging.getLogger(__name__)

ATTEMPTS = 3

FEW_CLEARINGS = 5
"""So many contact details may be cleared at once by hand."""


def push_contacts(systems: Systems, result: ReverseSyncResult) -> None:
    """See what was changed in Rondo Club, and fill it in in Sportlink's form, member by member.

    Without changes Sportlink is not even asked.

    Raises:
        RondoClubError: Rondo Club does not say what was changed.
        LoginError: Sportlink does not let us in; what is pushed already stays pushed.
    """
    refresh_persons(systems)
    unsettled = [unsettled_changes(systems, knvb_id) for knvb_id in systems.state.contacts.changed_members()]
    pending = list(_pending_members([change for changes in unsettled for change in changes], result))
    for knvb_id, changes in systems.track(pending, "pushing contact details"):
        result.results.append(_push_member(systems, knvb_id, changes))
    if pending:
        logger.info("members pushed to Sportlink: %s", result.told("updated"))


def _pending_members(changes: Sequence[Change], result: ReverseSyncResult) -> Iterator[tuple[str, list[Change]]]:
    """What is to be pushed, by KNVB id.

    Where most changes clear something, they come from an import that went wrong: none of those is pushed.
    """
    clearings = [change for change in changes if not change.value]
    if len(clearings) > FEW_CLEARINGS and is_most(len(clearings), len(changes)):
        found = f"{len(clearings)} of the {len(changes)} contact details changed in Rondo Club were cleared"
        remedy = "put them back in Rondo Club, or clear them in Sportlink too"
        result.held_back.append(ErrorRecord(message=f"{found}: Sportlink keeps them ({remedy})", system="reverse-sync"))
        changes = [change for change in changes if change.value]
    for knvb_id, of_member in groupby(changes, key=lambda change: change.knvb_id):
        yield knvb_id, list(of_member)


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
