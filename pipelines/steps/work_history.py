"""Keep the work history of persons: the teams and the commissies that they are and were in."""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pipelines.errors import RondoClubNotFoundError
from pipelines.result.posts import WorkHistoryResult
from pipelines.state import WorkHistoryState
from pipelines.steps.items import item
from pipelines.steps.members import latest_members
from pipelines.systems import Systems
from pipelines.transform.commissies import active_roles
from pipelines.transform.person import partial_body
from pipelines.transform.teams import TeamFinder
from pipelines.transform.work_history import Membership, Plan, plan_history, write_history

logger = logging.getLogger(__name__)

Wanted = Mapping[str, Sequence[Membership]]
"""The memberships that members should have, by KNVB id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """The rows of teams, or those of commissies; `step` is the tag of what fails."""

    state: WorkHistoryState
    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    """A member whose rows are to be looked at."""

    knvb_id: str
    person_id: int
    plan: Plan


def sync_team_history(systems: Systems, result: WorkHistoryResult, *, force: bool, today: date) -> None:
    """Add a row for each team that a member joined, and end that of each team that it left.

    The rows of a team whose post was kept although no list names it stay as they are, and so do those of a member that was
    kept although the download is without it.

    Raises:
        EmptyDownloadError: There was no download of members yet.
    """
    finder = TeamFinder(systems.state.teams.posts(), systems.state.teams.rosters())
    wanted: defaultdict[str, list[Membership]] = defaultdict(list)
    members = latest_members(systems)
    for member in members:
        for team, role in finder.find(member):
            if team.post_id is not None:
                wanted[member.knvb_id].append(Membership(post_id=team.post_id, role=role))
    for knvb_id, post_id in _kept_rows(systems, {member.knvb_id for member in members}):
        wanted[knvb_id].append(Membership(post_id=post_id, role=""))
    kind = _Kind(state=systems.state.team_history, step="work-history-sync")
    _sync_history(systems, result, kind, wanted, force=force, today=today)


def _kept_rows(systems: Systems, downloaded: Collection[str]) -> Iterator[tuple[str, int]]:
    """Member and post of the rows that the downloads do not speak of, although their team or their member has not left."""
    teams = {team.post_id for team in systems.state.teams.gone()}
    members = {member.knvb_id for member in systems.state.rondo.members()}.difference(downloaded)
    for knvb_id, rows in systems.state.team_history.tracked().items():
        yield from ((knvb_id, row.post_id) for row in rows if row.post_id in teams or knvb_id in members)


def sync_commissie_history(systems: Systems, result: WorkHistoryResult, *, force: bool, today: date) -> None:
    """Add a row for each role that a member got in a commissie, and end that of each role that it had."""
    ids = {post.key: post.post_id for post in systems.state.commissies.posts()}
    wanted: defaultdict[str, list[Membership]] = defaultdict(list)
    for place in active_roles(systems.state.functions.places()):
        post_id = ids.get(place.commissie)
        if post_id is not None:
            wanted[place.knvb_id].append(Membership(post_id=post_id, role=place.role, start_date=place.start_date))
    kind = _Kind(state=systems.state.commissie_history, step="commissie-work-history-sync")
    _sync_history(systems, result, kind, wanted, force=force, today=today)


def _sync_history(  # noqa: PLR0913  what both kinds need
    systems: Systems, result: WorkHistoryResult, kind: _Kind, wanted: Wanted, *, force: bool, today: date
) -> None:
    """Visit every member whose rows are not those that it should have; by force, everybody who has or should have one."""
    plans = _plan_visits(systems, kind, wanted)
    visits = [visit for visit in plans if force or not visit.plan.is_empty]
    result.total = len(visits)
    result.skipped = sum(len(visit.plan.kept) for visit in plans if visit.plan.is_empty and not force)
    for visit in systems.track(visits, "syncing work history"):
        with item(result.failures, knvb_id=visit.knvb_id, system=kind.step):
            _write_rows(systems, result, kind.state, visit, today.isoformat())
    logger.info("rows of work history: %s", result.told("created", "ended", "skipped"))


def _plan_visits(systems: Systems, kind: _Kind, wanted: Wanted) -> list[_Visit]:
    """Every member that has a row of this kind, or should have one, and has a person."""
    person_ids = systems.state.rondo.person_ids()
    tracked = kind.state.tracked()
    plans = {knvb_id: plan_history(tracked.get(knvb_id, []), wanted.get(knvb_id, [])) for knvb_id in {**wanted, **tracked}}
    return [
        _Visit(knvb_id=knvb_id, person_id=person_ids[knvb_id], plan=plan)
        for knvb_id, plan in plans.items()
        if knvb_id in person_ids
    ]


def _write_rows(systems: Systems, result: WorkHistoryResult, state: WorkHistoryState, visit: _Visit, today: str) -> None:
    """A person that is gone waits until it is created again."""
    # What a member is in when we first see it began on a day that we do not know.
    default_start = today if state.has_history(visit.knvb_id, visit.person_id) else ""
    try:
        with systems.editing(visit.person_id) as person:
            acf = person["acf"]
            history = write_history(acf.get("work_history") or [], visit.plan, default_start=default_start, today=today)
            if history.has_changed:
                systems.rondo_club.update_person(visit.person_id, partial_body(acf, work_history=list(history.rows)))
    except RondoClubNotFoundError:
        systems.state.rondo.forget_person(visit.person_id)
        return
    state.save(visit.knvb_id, visit.person_id, current=history.current, ended=history.ended)
    result.synced += history.has_changed
    result.created += history.added_count
    result.ended += len(history.ended)
    result.skipped += len(history.current) - history.added_count
