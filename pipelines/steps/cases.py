"""Bring the discipline cases from Sportlink to Rondo Club."""

import logging
from collections.abc import Callable
from functools import cache, partial
from operator import itemgetter

from pipelines.clients import JsonObject
from pipelines.errors import RondoClubError, RondoClubNotFoundError
from pipelines.result.discipline import CaseDownloadResult, CasesResult
from pipelines.state import Case, source_hash
from pipelines.steps.items import find_orphans, is_refusal, item
from pipelines.systems import Systems
from pipelines.transform.discipline import case_body, case_title, person_name, read_case, season_of

logger = logging.getLogger(__name__)

SYSTEM = "discipline-sync"

PersonName = Callable[[int], str]


def download_cases(systems: Systems, result: CaseDownloadResult) -> None:
    """Keep what Sportlink says of the cases. There may be none, and then those known from before are kept too."""
    received = systems.sportlink.download_discipline_cases()
    cases = {str(raw["DossierId"]): read_case(raw) for raw in received if raw.get("DossierId")}
    if cases:
        systems.state.discipline.store_cases(cases)
    result.case_count = len(received)
    logger.info("%d discipline cases downloaded", result.case_count)


def sync_cases(systems: Systems, result: CasesResult, download: CaseDownloadResult, *, force: bool = False) -> None:
    """Write the cases that are new or different, all by force, and tell the club of those that have vanished.

    Args:
        systems: Where from and where to.
        result: What becomes of them.
        download: What this run downloaded; without cases in it, none has vanished.
        force: Write all of them.

    Raises:
        RondoClubError: Rondo Club does not say which cases it has, without which none may be created.
    """
    _adopt_posts(systems)
    person_ids = systems.state.rondo.person_ids()
    read_name = cache(lambda person_id: person_name(systems.rondo_club.get_person(person_id)))
    cases = systems.state.discipline.cases()
    vanished = _find_vanished(systems, result) if download.case_count else []
    result.total = len(cases)
    for case in systems.track(cases, "syncing discipline cases"):
        with item(result.failures, dossier_id=case.dossier_id, system=SYSTEM):
            person_id = person_ids.get(case.source["PublicPersonId"] or "")
            _sync_case(systems, result, case, person_id, read_name, force=force)
    for case in systems.track(vanished, "dismissing discipline cases"):
        with item(result.failures, dossier_id=case.dossier_id, system=SYSTEM):
            _dismiss_case(systems, case)
            result.dismissed += 1
    logger.info("discipline cases: %s", result.told("created", "updated", "skipped", "dismissed"))


def _adopt_posts(systems: Systems) -> None:
    """Find the posts of cases that have none as far as we know: they may have been created without our hearing of it."""
    state = systems.state.discipline
    missing = [case for case in (*state.cases(), *state.vanished()) if case.post_id is None]
    if not missing:
        return
    posts = sorted(systems.rondo_club.list_cases(), key=itemgetter("id"), reverse=True)
    post_ids = {_shown_dossier(post): post["id"] for post in posts}
    for case in missing:
        if case.dossier_id in post_ids:
            state.adopt_post(case, post_ids[case.dossier_id])


def _shown_dossier(post: JsonObject) -> str:
    acf = post.get("acf")
    return str(acf.get("dossier_id") or "") if isinstance(acf, dict) else ""


def _sync_case(  # noqa: PLR0913  what is known of a case
    systems: Systems, result: CasesResult, case: Case, person_id: int | None, read_name: PersonName, *, force: bool
) -> None:
    season = _season(case)
    if person_id is None:
        result.skipped_no_person += 1
        return
    synced_hash = source_hash({"case": case.source, "person": person_id})
    if season is None or (case.last_synced_hash == synced_hash and not force):
        result.skipped += 1
        return
    try:
        title = case_title(case.source, read_name(person_id))
    except RondoClubNotFoundError:
        systems.state.rondo.forget_person(person_id)
        result.skipped_no_person += 1
        return
    body = partial(case_body, case.source, title=title, person_id=person_id, season_term=systems.rondo_club.season_term(season))
    post_id = _write_case(systems, result, case, body)
    systems.state.discipline.mark_synced(case, post_id=post_id, person_id=person_id, season=season, synced_hash=synced_hash)


def _write_case(systems: Systems, result: CasesResult, case: Case, make_body: Callable[..., JsonObject]) -> int:
    """Returns the post."""
    if case.post_id is not None:
        try:
            systems.rondo_club.update_case(case.post_id, make_body(is_new=False), subject=case.dossier_id)
        except RondoClubNotFoundError:
            logger.debug("the post of %s is gone", case.dossier_id)
        else:
            result.updated += 1
            return case.post_id
    post_id = systems.rondo_club.create_case(make_body(is_new=True), subject=case.dossier_id)
    result.created += 1
    return post_id


def _find_vanished(systems: Systems, result: CasesResult) -> list[Case]:
    """The cases that Sportlink shows no more, although Rondo Club has them; none when it would be most of them.

    Only those of the last season that it shows: those of earlier ones are over and not withdrawn.
    """
    state = systems.state.discipline
    cases = state.cases()
    season = max(filter(None, map(_season, cases)), default=None)
    known = {
        case.dossier_id: case for case in (*cases, *state.vanished()) if case.post_id is not None and _season(case) == season
    }
    return find_orphans(known, {case.dossier_id for case in cases}, result.failures, system=SYSTEM)


def _season(case: Case) -> str | None:
    return season_of(str(case.source["MatchDate"] or ""))


def _dismiss_case(systems: Systems, case: Case) -> None:
    """Take the case's post out and leave the club word of it: somebody may have to pay, or be told.

    Noted before the club is told, because a word that may have arrived is never repeated; one that is refused is, next time.
    """
    if case.post_id is not None:
        systems.rondo_club.delete_case(case.post_id, subject=case.dossier_id)
    systems.state.discipline.mark_dismissed(case)
    if case.person_id is not None:
        _tell_club(systems, case, case.person_id)


def _tell_club(systems: Systems, case: Case, person_id: int) -> None:
    content = f"Tuchtzaak {case.dossier_id} staat niet meer in Sportlink en is verwijderd: controleer de zaak."
    try:
        systems.rondo_club.create_todo(person_id, content=content)
    except RondoClubNotFoundError:
        logger.debug("the person of %s is gone", case.dossier_id)
    except RondoClubError as error:
        if is_refusal(error):
            systems.state.discipline.mark_vanished(case)
        raise
