"""Put members and parents on the Laposta lists."""

import logging

from pipelines.clients.laposta import Upsert
from pipelines.errors import EmptyDownloadError, RondoClubError
from pipelines.result import ErrorRecord
from pipelines.result.people import PreparedList, PrepareResult, SubmitResult, SubmittedList
from pipelines.steps.items import item
from pipelines.steps.members import latest_members
from pipelines.steps.refresh import refresh_persons
from pipelines.systems import Systems
from pipelines.transform.laposta import build_lists

logger = logging.getLogger(__name__)


def prepare_subscribers(systems: Systems, result: PrepareResult) -> None:
    """Work out from the latest download who shall be on which list.

    Rondo Club is asked who is a volunteer; without an answer the volunteers are those of the last time.

    Raises:
        EmptyDownloadError: There is no download, or nobody in it has an address.
    """
    _refresh_volunteers(systems, result)
    built = build_lists(latest_members(systems), systems.state.rondo.volunteers())
    if not any(built.lists):
        raise EmptyDownloadError("sportlink", "addresses")
    state, list_ids = systems.state.laposta, systems.settings.laposta.list_ids
    result.excluded = built.excluded
    for index, (list_id, subscribers) in enumerate(zip(list_ids, built.lists, strict=True), start=1):
        state.replace_list(index, subscribers)
        updates = len(state.unsent_subscribers(index, list_id))
        result.lists.append(PreparedList(index=index, total=len(subscribers), updates=updates))
    logger.info("%d subscribers prepared, %d excluded", result.created, result.excluded)


def submit_subscribers(systems: Systems, result: SubmitResult, *, force: bool = False) -> None:
    """Tell Laposta what is new or different; everything by force. A list without an id is not used."""
    for index, list_id in enumerate(systems.settings.laposta.list_ids, start=1):
        submitted = SubmittedList(index=index, list_id=list_id)
        result.lists.append(submitted)
        if list_id is not None:
            _submit_list(systems, submitted, list_id, force=force)


def _refresh_volunteers(systems: Systems, result: PrepareResult) -> None:
    try:
        refresh_persons(systems)
    except RondoClubError as error:
        logger.warning("the volunteers are those of the last time: %s", error.log_text)
        result.failures.append(ErrorRecord(message=str(error), system="rondoClub"))


def _submit_list(systems: Systems, result: SubmittedList, list_id: str, *, force: bool) -> None:
    state, index = systems.state.laposta, result.index
    result.total = state.count_subscribers(index)
    unsent = state.unsent_subscribers(index, list_id, force=force)
    for subscriber in systems.track(unsent, f"submitting to list {index}"):
        with item(result.failures, email=subscriber.email):
            # The member is named beside its address, because it is in Sportlink that a bad address is corrected.
            knvb_id = subscriber.custom_fields.get("relatiecode")
            upsert = systems.laposta.upsert_member(list_id, subscriber.email, subscriber.custom_fields, subject=knvb_id)
            state.mark_sent(index, list_id, subscriber)
            result.created += upsert is Upsert.ADDED
            result.updated += upsert is Upsert.UPDATED
    logger.info("list %d: %s", index, result.told("created", "updated"))
