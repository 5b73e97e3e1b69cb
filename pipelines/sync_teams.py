"""The pipeline teams: teams of Sportlink to Rondo Club, and who is in them to the work history of persons."""

from contextlib import suppress
from datetime import date

from otel_sqlite import Run, run
from pipelines.cli import command
from pipelines.errors import SyncError
from pipelines.flow import optional
from pipelines.report.layout import Report
from pipelines.report.teams import teams_report
from pipelines.result import Clock, utc_now
from pipelines.result.teams import TeamsStats
from pipelines.settings import System
from pipelines.steps import teams, work_history
from pipelines.systems import Systems


def sync_teams(systems: Systems, *, force: bool = False, clock: Clock = utc_now) -> Report[TeamsStats]:
    """Bring teams from Sportlink to Rondo Club, and who joined or left them to the work history of persons."""
    stats = TeamsStats()
    with suppress(SyncError), run("teams") as r, stats.completing(r.summarize, clock) as today:
        team_steps(r, systems, stats, force=force, today=today)
    return teams_report(stats)


def team_steps(r: Run, systems: Systems, stats: TeamsStats, *, force: bool, today: date) -> None:
    """The steps of teams, in any run."""
    with optional(stats.step_failures, "team-download"), r.step("team-download") as s:
        teams.download_teams(systems, s.record(stats.download))
    with optional(stats.step_failures, "team-sync"), r.step("team-sync") as s:
        teams.sync_teams(systems, s.record(stats.teams), stats.download, force=force)
    with optional(stats.step_failures, "work-history-sync"), r.step("work-history-sync") as s:
        work_history.sync_team_history(systems, s.record(stats.work_history), force=force, today=today)


main = command("teams", sync_teams, systems=(System.SPORTLINK, System.RONDO_CLUB))
