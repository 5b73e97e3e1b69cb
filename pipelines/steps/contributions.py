"""Bring what members owe from Nikki to their persons in Rondo Club."""

import logging
from collections import Counter
from datetime import date
from enum import Enum, auto
from itertools import groupby

from pipelines.clients import JsonObject
from pipelines.errors import EmptyDownloadError, RondoClubNotFoundError
from pipelines.result import ErrorRecord
from pipelines.result.nikki import ContributionsResult, NikkiDownloadResult
from pipelines.steps.items import item
from pipelines.systems import Systems
from pipelines.transform.nikki import YEARS_KEPT, contribution, is_known, yearly_fields
from pipelines.transform.person import partial_body

logger = logging.getLogger(__name__)

SYSTEM = "rondoClub"


class _Done(Enum):
    """What became of a person's contributions."""

    UPDATED = auto()
    SKIPPED = auto()
    HELD_BACK = auto()
    WITHOUT_PERSON = auto()


def download_contributions(systems: Systems, *, today: date) -> NikkiDownloadResult:
    """Keep what Nikki says of the contributions of the last years.

    Raises:
        EmptyDownloadError: Nikki has none; what was downloaded before stays.
    """
    rows = systems.nikki.download_contributions()
    if not rows:
        raise EmptyDownloadError("nikki", "contributions")
    amounts = systems.nikki.download_amounts()
    contributions = [contribution(row, amounts) for row in rows]
    systems.state.nikki.replace_years(contributions, oldest=today.year - YEARS_KEPT + 1)
    logger.info("%d contributions downloaded%s", len(rows), "" if amounts is not None else ", without a report of the amounts")
    return NikkiDownloadResult(count=len(rows))


def sync_contributions(systems: Systems, *, force: bool = False, dry_run: bool = False) -> ContributionsResult:
    """Write to the persons what is different there; everything by force, nothing in a dry run."""
    by_member = groupby(systems.state.nikki.contributions(), key=lambda one: one.knvb_id)
    wanted = {knvb_id: yearly_fields(contributions) for knvb_id, contributions in by_member}
    person_ids = systems.state.rondo.person_ids()
    counts: Counter[_Done] = Counter()
    failures = list[ErrorRecord]()
    for knvb_id, fields in systems.track(list(wanted.items()), "syncing contributions"):
        with item(failures, knvb_id=knvb_id, system=SYSTEM):
            counts[_sync_person(systems, person_ids.get(knvb_id), fields, force=force, dry_run=dry_run)] += 1
    result = ContributionsResult(
        updated=counts[_Done.UPDATED],
        skipped=counts[_Done.SKIPPED] + counts[_Done.HELD_BACK],
        without_person=counts[_Done.WITHOUT_PERSON],
        failures=failures,
    )
    if dry_run:
        logger.info("dry run: %d persons would be updated", counts[_Done.HELD_BACK])
    logger.info("%d persons updated, %d skipped, %d failed", result.updated, result.skipped, len(failures))
    return result


def _sync_person(systems: Systems, person_id: int | None, fields: JsonObject, *, force: bool, dry_run: bool) -> _Done:
    if person_id is None:
        return _Done.WITHOUT_PERSON
    try:
        acf = systems.rondo_club.get_person(person_id)["acf"]
        if is_known(fields, acf) and not force:
            return _Done.SKIPPED
        if dry_run:
            return _Done.HELD_BACK
        systems.rondo_club.update_contributions(person_id, partial_body(acf, **fields))
    except RondoClubNotFoundError:
        systems.state.rondo.forget_person(person_id)
        return _Done.WITHOUT_PERSON
    return _Done.UPDATED
