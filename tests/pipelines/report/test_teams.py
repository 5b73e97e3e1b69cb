"""The printed summary of a run of teams."""

from pipelines.report.teams import teams_report
from pipelines.result import ErrorRecord
from pipelines.result.posts import PostsResult, WorkHistoryResult
from pipelines.result.teams import TeamDownloadResult, TeamsStats

BUSY = """
========================================
TEAM SYNC SUMMARY
========================================

Completed: 2026-02-08 09:00:00
Duration: 45s

TEAM DOWNLOAD
----------------------------------------
Teams downloaded: 3
Team members: 40

TEAM SYNC TO RONDO CLUB
----------------------------------------
Teams synced: 2/3
  Created: 1
  Updated: 1
  Deleted: 2

WORK HISTORY SYNC
----------------------------------------
Members synced: 3/4
  Added: 2
  Ended: 1
  Skipped: 30

ERRORS (1)
----------------------------------------
- JO17-1 [team-sync]: refused

========================================"""


def test_a_busy_run_is_told_with_everything_that_failed():
    refused = ErrorRecord(team_name="JO17-1", message="refused", system="team-sync")
    stats = TeamsStats(
        completed_at="2026-02-08 09:00:00",
        duration="45s",
        download=TeamDownloadResult(team_count=3, member_count=40),
        teams=PostsResult(total=3, created=1, updated=1, deleted=2, failures=[refused]),
        work_history=WorkHistoryResult(total=4, synced=3, created=2, ended=1, skipped=30),
    )

    report = teams_report(stats)

    assert report.summary == BUSY
    assert not report.success


def test_a_run_without_changes_says_so():
    report = teams_report(TeamsStats())

    assert "Teams synced: 0/0\n  0 changes\n\nWORK HISTORY SYNC\n" in report.summary
    assert report.success
