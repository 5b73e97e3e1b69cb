"""The pipeline discipline: discipline cases of Sportlink to Rondo Club."""

from contextlib import suppress

from otel_sqlite import run
from pipelines.cli import command
from pipelines.errors import SyncError
from pipelines.flow import optional
from pipelines.report.discipline import discipline_report
from pipelines.report.layout import Report
from pipelines.result import Clock, utc_now
from pipelines.result.discipline import DisciplineStats
from pipelines.settings import System
from pipelines.steps import cases
from pipelines.systems import Systems


def sync_discipline(systems: Systems, *, force: bool = False, clock: Clock = utc_now) -> Report[DisciplineStats]:
    """Bring discipline cases from Sportlink to Rondo Club, each to the person it is about and to its season."""
    stats = DisciplineStats()
    discipline_run(systems, stats, force=force, clock=clock)
    return discipline_report(stats)


def discipline_run(systems: Systems, stats: DisciplineStats, *, force: bool, clock: Clock) -> None:
    """The run itself, also inside another one."""
    with suppress(SyncError), run("discipline") as r, stats.completing(r.summarize, clock):
        with optional(stats.step_failures, "discipline-download"), r.step("discipline-download") as s:
            cases.download_cases(systems, s.record(stats.download))
        with optional(stats.step_failures, "discipline-sync"), r.step("discipline-sync") as s:
            cases.sync_cases(systems, s.record(stats.sync), stats.download, force=force)


main = command("discipline", sync_discipline, systems=(System.SPORTLINK, System.RONDO_CLUB))
