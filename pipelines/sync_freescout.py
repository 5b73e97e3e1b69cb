"""The pipeline freescout: members as customers of the helpdesk."""

from contextlib import suppress

from otel_sqlite import run
from pipelines.cli import command, option
from pipelines.errors import SyncError
from pipelines.flow import optional
from pipelines.report.freescout import freescout_report
from pipelines.report.layout import Report
from pipelines.result import Clock, utc_now
from pipelines.result.freescout import FreeScoutStats
from pipelines.settings import System
from pipelines.steps import customers
from pipelines.systems import Systems


def sync_freescout(
    systems: Systems, *, force: bool = False, dry_run: bool = False, clock: Clock = utc_now
) -> Report[FreeScoutStats]:
    """Make the members customers of FreeScout, with their teams and what they owe."""
    stats = FreeScoutStats()
    with suppress(SyncError), run("freescout") as r, stats.completing(r.summarize, clock):
        # Here and not before the run, so that the dashboard shows why nothing is synced.
        systems.settings.require(System.FREESCOUT)
        with optional(stats.step_failures, "freescout"), r.step("freescout-sync") as s:
            customers.sync_customers(systems, s.record(stats.customers), force=force, dry_run=dry_run)
    return freescout_report(stats)


main = command(
    "freescout",
    sync_freescout,
    systems=(),
    options=[option("--dry-run", is_flag=True, help="Look at what is different, and write nothing.")],
)
