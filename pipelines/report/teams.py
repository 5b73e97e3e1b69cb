"""The printed summary of a run of teams."""

from pipelines.report.layout import Report, section, summary
from pipelines.report.posts import post_lines, work_history_lines
from pipelines.result.teams import TeamsStats


def teams_report(stats: TeamsStats) -> Report[TeamsStats]:
    """What a run of teams comes to."""
    download = [f"Teams downloaded: {stats.download.team_count}", f"Team members: {stats.download.member_count}"]
    text = summary(
        "TEAM SYNC SUMMARY",
        stats,
        section("TEAM DOWNLOAD", download),
        section("TEAM SYNC TO RONDO CLUB", post_lines("Teams", stats.teams)),
        section("WORK HISTORY SYNC", work_history_lines(stats.work_history)),
    )
    return Report(stats=stats, summary=text)
