"""Bring what members owe from Nikki to their persons in Rondo Club."""

import logging
from datetime import date
from itertools import groupby

from pipelines.clients import JsonObject
from pipelines.errors import EmptyDownloadError, RondoClubNotFoundError
from pipelines.result.nikki import ContributionsResult, NikkiDownloadResult
from pipelines.steps.items import item
from pipelines.systems import Systems
from pipelines.transform.nikki import YEARS_KEPT, contribution, is_known, yearly_fields
from pipelines.transform.person import partial_body

logger = logging.getLogger(__name__)

SYSTEM = "rondoClub"


def download_contributions(systems: Systems, result: NikkiDownloadResult, *, today: date) -> None:
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
    result.count = len(rows)
    logger.info("%d contributions downloaded%s", len(rows), "" if amounts is not None else ", without a report of the amounts")


def sync_contributions(systems: Systems, result: ContributionsResult, *, force: bool = False, dry_run: bool = False) -> None:
    """Write to the persons what is different there; everything by force, nothing in a dry run."""
    by_member = groupby(systems.state.nikki.contributions(), key=lambda one: one.knvb_id)
    wanted = {knvb_id: yearly_fields(contributions) for knvb_id, contributions in by_member}
    person_ids = systems.state.rondo.person_ids()
    held_back = 0
    for knvb_id, fields in systems.track(list(wanted.items()), "syncing contributions"):
        with item(result.failures, knvb_id=knvb_id, system=SYSTEM):
            held_back += _sync_person(systems, result, person_ids.get(knvb_id), fields, force=force, dry_run=dry_run)
    if dry_run:
        logger.info("dry run: %d persons would be updated", held_back)
    logger.info("contributions of persons: %s", result.told("updated", "skipped"))


def _sync_person(  # noqa: PLR0913  what is known of a person
    systems: Systems, result: ContributionsResult, person_id: int | None, fields: JsonObject, *, force: bool, dry_run: bool
) -> bool:
    """Returns whether something was held back."""
    if person_id is None:
        result.without_person += 1
        return False
    try:
        acf = systems.rondo_club.get_person(person_id)["acf"]
        is_wanted = force or not is_known(fields, acf)
        if is_wanted and not dry_run:
            systems.rondo_club.update_contributions(person_id, partial_body(acf, **fields))
    except RondoClubNotFoundError:
        systems.state.rondo.forget_person(person_id)
        result.without_person += 1
        return False
    result.updated += is_wanted and not dry_run
    result.skipped += dry_run or not is_wanted
    return is_wanted and dry_run
