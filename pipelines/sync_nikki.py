"""The pipeline nikki: what members owe, from Nikki to their persons in Rondo Club."""

from contextlib import suppress

from otel_sqlite import run
from pipelines.cli import command, option
from pipelines.errors import SyncError
from pipelines.flow import optional
from pipelines.report.layout import Report
from pipelines.report.nikki import nikki_report
from pipelines.result import Clock, utc_now
from pipelines.result.nikki import NikkiStats
from pipelines.settings import System
from pipelines.steps import contributions
from pipelines.systems import Systems


def sync_nikki(systems: Systems, *, force: bool = False, dry_run: bool = False, clock: Clock = utc_now) -> Report[NikkiStats]:
    """Bring what members owe and have paid, year by year, from Nikki to Rondo Club."""
    stats = NikkiStats()
    with suppress(SyncError), run("nikki") as r, stats.completing(r.summarize, clock) as today:
        with optional(stats.step_failures, "nikki-download"), r.step("nikki-download") as s:
            contributions.download_contributions(systems, s.record(stats.download), today=today)
        with optional(stats.step_failures, "rondoClub"), r.step("rondo-club-sync") as s:
            contributions.sync_contributions(systems, s.record(stats.contributions), force=force, dry_run=dry_run)
    return nikki_report(stats)


main = command(
    "nikki",
    sync_nikki,
    systems=(System.NIKKI, System.RONDO_CLUB),
    options=[option("--dry-run", is_flag=True, help="Look at what is different, and write nothing.")],
)
