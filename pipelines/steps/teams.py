"""Bring the teams from Sportlink to Rondo Club."""

import logging

from pipelines.clients import JsonObject
from pipelines.errors import EmptyDownloadError
from pipelines.result.posts import PostsResult
from pipelines.result.teams import TeamDownloadResult
from pipelines.steps.items import item
from pipelines.steps.posts import PostType, sync_posts
from pipelines.systems import Systems
from pipelines.transform.teams import is_team, read_roster, wanted_team

logger = logging.getLogger(__name__)


def download_teams(systems: Systems, result: TeamDownloadResult) -> None:
    """Keep what Sportlink says of the teams, and of who is on their rosters.

    A team whose roster cannot be had keeps the one of the last time.

    Raises:
        EmptyDownloadError: Sportlink has no teams; what was downloaded before stays the latest.
    """
    listed = systems.sportlink.download_teams()
    teams = [raw for raw in listed if is_team(raw)]
    if not teams:
        raise EmptyDownloadError("sportlink", "teams")
    rosters: dict[str, dict[str, str]] = {}
    for raw in systems.track(teams, "downloading teams"):
        team = wanted_team(raw)
        with item(result.failures, team_name=team.name, system="team-download"):
            rosters[team.key] = read_roster(systems.sportlink.download_team_members(raw))
    systems.state.teams.store(map(wanted_team, teams))
    systems.state.teams.store_sources({str(raw["PublicTeamId"]): raw["kind"] for raw in teams})
    systems.state.teams.store_rosters(rosters)
    result.team_count, result.member_count = len(teams), sum(map(len, rosters.values()))
    result.is_complete = {raw["kind"] for raw in listed} == {"union", "club"}
    logger.info("%d teams downloaded with %d members", result.team_count, result.member_count)


def sync_teams(systems: Systems, result: PostsResult, download: TeamDownloadResult, *, force: bool = False) -> None:
    """Write to Rondo Club the teams that are new or different; all of them by force.

    Args:
        systems: Where from and where to.
        result: What becomes of them.
        download: What this run downloaded; without teams in it, none is deleted, and where one of the lists of Sportlink is
            empty, none that was on that list or that nobody knows.
        force: Write all of them.
    """
    rondo_club = systems.rondo_club
    kind = PostType(
        plural="teams",
        step="team-sync",
        id_name="team_name",
        state=systems.state.teams,
        key_of=_shown_key,
        list=rondo_club.list_teams,
        create=rondo_club.create_team,
        update=rondo_club.update_team,
        delete=rondo_club.delete_team,
        sources=systems.state.teams.sources(),
    )
    sync_posts(systems, result, kind, may_delete=download.team_count > 0, is_complete=download.is_complete, force=force)


def _shown_key(post: JsonObject) -> str:
    acf = post.get("acf")
    return str(acf.get("publicteamid") or "") if isinstance(acf, dict) else ""
