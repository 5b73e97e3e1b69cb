"""The pipeline functions: what members do for the club, and what else their tabs say, from Sportlink to Rondo Club."""

from contextlib import suppress
from datetime import date

from otel_sqlite import Run, run
from pipelines.cli import command, number_or, option
from pipelines.errors import SyncError
from pipelines.flow import optional
from pipelines.report.functions import functions_report
from pipelines.report.layout import Report
from pipelines.result import Clock, utc_now
from pipelines.result.functions import FunctionsStats
from pipelines.settings import System
from pipelines.steps import commissies, free_fields, functions, work_history
from pipelines.steps.functions import RECENT_DAYS, Selection
from pipelines.systems import Systems


def sync_functions(  # noqa: PLR0913  the flags of the command
    systems: Systems,
    *,
    force: bool = False,
    everyone: bool = False,
    days: int = RECENT_DAYS,
    with_invoice: bool = False,
    clock: Clock = utc_now,
) -> Report[FunctionsStats]:
    """Bring functions, committees and free fields of members from Sportlink to Rondo Club."""
    stats = FunctionsStats()
    selection = Selection(everyone=everyone, days=days, with_invoice=with_invoice)
    with suppress(SyncError), run("functions") as r, stats.completing(r.summarize, clock) as today:
        function_steps(r, systems, stats, selection, force=force, today=today)
        with optional(stats.step_failures, "free-fields-sync"), r.step("free-fields-sync") as s:
            free_fields.sync_free_fields(systems, s.record(stats.free_fields), force=force, today=today)
    return functions_report(stats)


def function_steps(  # noqa: PLR0913  what the steps of any run need
    r: Run, systems: Systems, stats: FunctionsStats, selection: Selection, *, force: bool, today: date
) -> None:
    """The steps that bring functions and committees, in any run."""
    with optional(stats.step_failures, "functions-download"), r.step("functions-download") as s:
        functions.download_functions(systems, s.record(stats.download), selection, today=today)
    with optional(stats.step_failures, "commissie-sync"), r.step("commissie-sync") as s:
        commissies.sync_commissies(systems, s.record(stats.commissies), stats.download, force=force)
    with optional(stats.step_failures, "commissie-work-history-sync"), r.step("commissie-work-history-sync") as s:
        work_history.sync_commissie_history(systems, s.record(stats.work_history), force=force, today=today)


main = command(
    "functions",
    sync_functions,
    systems=(System.SPORTLINK, System.RONDO_CLUB),
    options=[
        option("--all", "everyone", is_flag=True, help="Look at all members, not only those changed recently."),
        option("--days", type=number_or(RECENT_DAYS), default=RECENT_DAYS, show_default=True, help="How long that is."),
        option("--with-invoice", is_flag=True, help="Look at the financial tab as well."),
    ],
)
