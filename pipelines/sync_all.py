"""The pipeline all: everything that Sportlink knows, to every system, in one run."""

from contextlib import suppress

from otel_sqlite import run
from pipelines.cli import command
from pipelines.errors import SyncError
from pipelines.flow import optional
from pipelines.report.all import all_report
from pipelines.report.layout import Report
from pipelines.result import Clock, utc_now
from pipelines.result.all import AllStats
from pipelines.settings import System
from pipelines.steps import customers, photos
from pipelines.steps.functions import Selection
from pipelines.sync_discipline import discipline_run
from pipelines.sync_functions import function_steps
from pipelines.sync_people import member_steps, photo_steps
from pipelines.sync_teams import team_steps
from pipelines.systems import Systems


def sync_all(systems: Systems, *, force: bool = False, clock: Clock = utc_now) -> Report[AllStats]:
    """Bring members, teams, functions, photos, customers and discipline cases from Sportlink to where they belong."""
    stats = AllStats()
    with suppress(SyncError), run("all") as r, stats.completing(r.summarize, clock) as today:
        member_steps(r, systems, stats.people, force=force)
        team_steps(r, systems, stats.teams, force=force, today=today)
        function_steps(r, systems, stats.functions, Selection(), force=force, today=today)
        photo_steps(r, systems, stats.people)
        stats.coverage = photos.measure_coverage(systems)
        with optional(stats.step_failures, "freescout"), r.step("freescout-sync") as s:
            stats.has_freescout = systems.settings.has(System.FREESCOUT)
            if stats.has_freescout:
                customers.sync_customers(systems, s.record(stats.customers), force=force)
            else:
                s.skip("FreeScout is not configured")
        with optional(stats.step_failures, "discipline"), r.step("discipline-sync") as s:
            discipline_run(systems, s.record(stats.discipline).stats, force=force, clock=clock)
    return all_report(stats)


main = command(
    "all",
    sync_all,
    systems=(System.SPORTLINK, System.LAPOSTA, System.RONDO_CLUB),
    also_locks=("people", "teams", "functions", "freescout", "discipline"),
)
