"""Put members and parents on the Laposta lists."""

import logging
from collections import Counter

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


def prepare_subscribers(systems: Systems) -> PrepareResult:
    """Work out from the latest download who shall be on which list.

    Rondo Club is asked who is a volunteer; without an answer the volunteers are those of the last time.

    Raises:
        EmptyDownloadError: There is no download, or nobody in it has an address.
    """
    refresh_failures = _refresh_volunteers(systems)
    built = build_lists(latest_members(systems), systems.state.rondo.volunteers())
    if not any(built.lists):
        raise EmptyDownloadError("sportlink", "addresses")
    state, list_ids = systems.state.laposta, systems.settings.laposta.list_ids
    prepared = []
    for index, (list_id, subscribers) in enumerate(zip(list_ids, built.lists, strict=True), start=1):
        state.replace_list(index, subscribers)
        updates = len(state.unsent_subscribers(index, list_id))
        prepared.append(PreparedList(index=index, total=len(subscribers), updates=updates))
    result = PrepareResult(lists=tuple(prepared), excluded=built.excluded, refresh_failures=refresh_failures)
    logger.info("%d subscribers prepared, %d excluded", result.created, result.excluded)
    return result


def submit_subscribers(systems: Systems, *, force: bool = False) -> SubmitResult:
    """Tell Laposta what is new or different; everything by force. A list without an id is not used."""
    numbered = enumerate(systems.settings.laposta.list_ids, start=1)
    return SubmitResult(lists=tuple(_submit_list(systems, index, list_id, force=force) for index, list_id in numbered))


def _refresh_volunteers(systems: Systems) -> tuple[ErrorRecord, ...]:
    try:
        refresh_persons(systems)
    except RondoClubError as error:
        logger.warning("the volunteers are those of the last time: %s", error.log_text)
        return (ErrorRecord(message=str(error), system="rondoClub"),)
    return ()


def _submit_list(systems: Systems, index: int, list_id: str | None, *, force: bool) -> SubmittedList:
    if list_id is None:
        return SubmittedList(index=index, list_id=None)
    state = systems.state.laposta
    done: Counter[Upsert] = Counter()
    failures: list[ErrorRecord] = []
    unsent = state.unsent_subscribers(index, list_id, force=force)
    for subscriber in systems.track(unsent, f"submitting to list {index}"):
        with item(failures, email=subscriber.email):
            # The member is named beside its address, because it is in Sportlink that a bad address is corrected.
            knvb_id = subscriber.custom_fields.get("relatiecode")
            upsert = systems.laposta.upsert_member(list_id, subscriber.email, subscriber.custom_fields, subject=knvb_id)
            state.mark_sent(index, list_id, subscriber)
            done[upsert] += 1
    result = SubmittedList(
        index=index,
        list_id=list_id,
        total=state.count_subscribers(index),
        added=done[Upsert.ADDED],
        updated=done[Upsert.UPDATED],
        failures=failures,
    )
    logger.info("list %d: %d added, %d updated, %d failed", index, result.added, result.updated, len(failures))
    return result
