"""Bring what members owe from Nikki to their persons in Rondo Club."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from itertools import groupby

from pipelines.clients import JsonObject
from pipelines.errors import EmptyDownloadError, RondoClubNotFoundError
from pipelines.result import ErrorRecord
from pipelines.result.nikki import ContributionsResult, NikkiDownloadResult
from pipelines.state import Contribution
from pipelines.steps.items import DAYS_DOUBTED, is_most, item
from pipelines.systems import Systems
from pipelines.transform.nikki import YEARS_KEPT, cleared_fields, contribution, is_known, yearly_fields
from pipelines.transform.person import partial_body

logger = logging.getLogger(__name__)

SYSTEM = "rondoClub"


def download_contributions(systems: Systems, result: NikkiDownloadResult, *, today: date) -> None:
    """Keep what Nikki says of the contributions of the last years; a year that most lines are missing of stays as it was.

    Raises:
        EmptyDownloadError: Nikki has none; what was downloaded before stays.
    """
    rows = systems.nikki.download_contributions()
    if not rows:
        raise EmptyDownloadError("nikki", "contributions")
    amounts = systems.nikki.download_amounts()
    contributions = _whole_years(systems, result, [contribution(row, amounts) for row in rows])
    systems.state.nikki.replace_years(contributions, oldest=today.year - YEARS_KEPT + 1)
    result.count = len(contributions)
    report = "" if amounts is not None else ", without a report of the amounts"
    logger.info("%d contributions downloaded%s", result.count, report)


def _whole_years(systems: Systems, result: NikkiDownloadResult, contributions: Sequence[Contribution]) -> list[Contribution]:
    """Those of the years that are told as a whole: the lines of half a year would add up to too low sums."""
    lines: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)
    for one in contributions:
        lines[one.year].add((one.knvb_id, one.nikki_id))
    for year, known in systems.state.nikki.recent_lines(days=DAYS_DOUBTED).items():
        missing = known - lines.get(year, known)
        if is_most(len(missing), len(known)):
            found = f"{len(missing)} of the {len(known)} contributions of {year} known before are not in the download"
            message = f"{found}: the year stays as it is (look at it in Nikki; what is missing for {DAYS_DOUBTED} days is gone)"
            logger.warning("%s", message)  # the summary of nikki names no failures
            result.failures.append(ErrorRecord(message=message, system="nikki-download"))
            del lines[year]
    return [one for one in contributions if one.year in lines]


def sync_contributions(systems: Systems, result: ContributionsResult, *, force: bool = False, dry_run: bool = False) -> None:
    """Write to the persons what is different there; everything by force, nothing in a dry run."""
    wanted = _wanted_fields(systems)
    person_ids = systems.state.rondo.person_ids()
    held_back = 0
    for knvb_id, fields in systems.track(list(wanted.items()), "syncing contributions"):
        with item(result.failures, knvb_id=knvb_id, system=SYSTEM):
            held_back += _sync_person(systems, result, person_ids.get(knvb_id), fields, force=force, dry_run=dry_run)
            if not dry_run:
                systems.state.nikki.forget_settled_years(knvb_id)
    if dry_run:
        logger.info("dry run: %d persons would be updated", held_back)
    logger.info("contributions of persons: %s", result.told("updated", "skipped"))


def _wanted_fields(systems: Systems) -> dict[str, JsonObject]:
    """What persons should show, by KNVB id; nothing for the years that Nikki has no line of any more."""
    by_member = groupby(systems.state.nikki.contributions(), key=lambda one: one.knvb_id)
    wanted = {knvb_id: yearly_fields(contributions) for knvb_id, contributions in by_member}
    for knvb_id, year in systems.state.nikki.settled_years():
        wanted.setdefault(knvb_id, {}).update(cleared_fields(year))
    return wanted


def _sync_person(  # noqa: PLR0913  what is known of a person
    systems: Systems, result: ContributionsResult, person_id: int | None, fields: JsonObject, *, force: bool, dry_run: bool
) -> bool:
    """Returns whether something was held back."""
    if person_id is None:
        result.without_person += 1
        return False
    try:
        with systems.editing(person_id) as person:
            is_wanted = force or not is_known(fields, person["acf"])
            if is_wanted and not dry_run:
                systems.rondo_club.update_contributions(person_id, partial_body(person["acf"], **fields))
    except RondoClubNotFoundError:
        systems.state.rondo.forget_person(person_id)
        result.without_person += 1
        return False
    result.updated += is_wanted and not dry_run
    result.skipped += dry_run or not is_wanted
    return is_wanted and dry_run
