"""Download what members do for the club, and what else their tabs say of them."""

import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, timedelta

from pipelines.clients import JsonObject
from pipelines.errors import RondoClubError
from pipelines.result.functions import FunctionsDownloadResult
from pipelines.state import Place
from pipelines.steps.items import item
from pipelines.steps.members import latest_members
from pipelines.systems import Systems
from pipelines.transform.commissies import WHOLE_CLUB, read_places
from pipelines.transform.free_fields import merge_fields, read_free_fields, read_invoice

logger = logging.getLogger(__name__)

RECENT_DAYS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Whose tabs are looked at, and which.

    Attributes:
        everyone: All members, not only those that were changed recently.
        days: How long a change is recent.
        with_invoice: The financial tab as well.
    """

    everyone: bool = False
    days: int = RECENT_DAYS
    with_invoice: bool = False


@dataclass(slots=True, kw_only=True)
class _Download:
    """What has been read so far; kept at the end at once, so that nobody meets half of it.

    Attributes:
        untold: KNVB ids of the members of whom not all places are told.
    """

    places: list[Place] = field(default_factory=list)
    fields: dict[str, JsonObject] = field(default_factory=dict)
    untold: set[str | None] = field(default_factory=set)


def download_functions(systems: Systems, result: FunctionsDownloadResult, selection: Selection, *, today: date) -> None:
    """Keep what Sportlink says of the members that are selected.

    When everyone is, this replaces all places that were known before, but those of members that failed
    or of whom Sportlink does not tell all; else it only adds.
    """
    selected = _select_members(systems, selection, today)
    known_fields = systems.state.functions.free_fields()
    download = _Download()
    for knvb_id in systems.track(selected, "downloading functions"):
        with item(result.failures, knvb_id=knvb_id, system="functions-download"):
            result.total += 1
            _read_member(systems, knvb_id, selection, known_fields.get(knvb_id, {}), download)
    failed = {failure.knvb_id for failure in result.failures}
    _store(systems, download, everyone=selection.everyone, kept=download.untold | failed)
    result.is_complete = selection.everyone and not result.failures and not download.untold
    result.downloaded = len({place.knvb_id for place in download.places})
    result.functions_count = sum(place.commissie == WHOLE_CLUB for place in download.places)
    result.committees_count = len(download.places) - result.functions_count
    logger.info("%d members: %d functions, %d in committees", result.total, result.functions_count, result.committees_count)


def _select_members(systems: Systems, selection: Selection, today: date) -> list[str]:
    """KNVB ids of the members to look at; a member of whom nobody knows when it was changed counts as changed."""
    members = [member.knvb_id for member in systems.state.rondo.members()]
    if selection.everyone:
        return members
    since = (today - timedelta(days=selection.days)).isoformat()
    dates = {member.knvb_id: member["LastUpdate"] for member in latest_members(systems)}
    volunteers = _volunteers_without_vog(systems)
    return [knvb_id for knvb_id in members if not dates.get(knvb_id, "") or dates[knvb_id] >= since or knvb_id in volunteers]


def _volunteers_without_vog(systems: Systems) -> set[str]:
    """Who may have handed in a certificate since; nobody where Rondo Club does not say, as the full run looks at all."""
    try:
        return set(systems.rondo_club.list_volunteers_without_vog())
    except RondoClubError as error:
        logger.warning("volunteers without a certificate are left out: %s", error.log_text)
        return set()


def _read_member(systems: Systems, knvb_id: str, selection: Selection, known: JsonObject, download: _Download) -> None:
    functions, committees = systems.sportlink.download_functions(knvb_id)
    fields = read_free_fields(*systems.sportlink.download_other(knvb_id))
    if selection.with_invoice:
        fields |= read_invoice(*systems.sportlink.download_invoice(knvb_id))
    if functions is None or committees is None:
        download.untold.add(knvb_id)
    download.places += read_places(knvb_id, functions or [], committees or [])
    download.fields[knvb_id] = merge_fields(known, fields)


def _store(systems: Systems, download: _Download, *, everyone: bool, kept: Collection[str | None]) -> None:
    """A full download that has no places at all is taken for a damaged one, and replaces none."""
    state = systems.state.functions
    replaced = {place.knvb_id for place in state.places()} - set(kept) if everyone and download.places else set()
    state.store(download.places, download.fields, replaced=replaced)
