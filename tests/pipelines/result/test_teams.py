"""The stats of a run of teams."""

import pytest

from pipelines.result import ErrorRecord
from pipelines.result.posts import PostsResult, WorkHistoryResult
from pipelines.result.teams import TeamDownloadResult, TeamsStats

NO_ROSTER = ErrorRecord(team_name="1", message="no", system="team-download")
NO_TEAM = ErrorRecord(team_name="2", message="no", system="team-sync")
NO_ROW = ErrorRecord(knvb_id="A1", message="no", system="work-history-sync")


def stats(**more):
    return TeamsStats(
        download=TeamDownloadResult(team_count=3, member_count=40, failures=[NO_ROSTER]),
        teams=PostsResult(total=3, created=1, updated=1, deleted=2, failures=[NO_TEAM]),
        work_history=WorkHistoryResult(total=4, synced=3, created=2, ended=1, skipped=30, failures=[NO_ROW]),
        **more,
    )


def test_the_stats_have_the_structure_that_the_dashboard_knows():
    assert stats(completed_at="2026-02-08 09:00:00", duration="45s").as_json() == {
        "completedAt": "2026-02-08 09:00:00",
        "duration": "45s",
        "download": {"teamCount": 3, "memberCount": 40, "errors": [NO_ROSTER.as_json()]},
        "teams": {
            "total": 3,
            "synced": 2,
            "created": 1,
            "updated": 1,
            "skipped": 0,
            "deleted": 2,
            "errors": [NO_TEAM.as_json()],
        },
        "workHistory": {"total": 4, "synced": 3, "created": 2, "ended": 1, "skipped": 30, "errors": [NO_ROW.as_json()]},
    }


@pytest.mark.parametrize(
    ("system", "part"),
    [("teams", "download"), ("team-download", "download"), ("team-sync", "teams"), ("work-history-sync", "workHistory")],
)
def test_a_step_that_failed_stands_in_its_part_of_the_stats_before_any_item(system, part):
    broken = ErrorRecord(message="broken", system=system)

    failed = stats(step_failures=[broken])

    assert failed.as_json()[part]["errors"][0] == broken.as_json()
    assert len(failed.failures) == 4


def test_the_step_of_the_download_counts_teams():
    assert (stats().download.created, stats().download.failed) == (3, 1)
