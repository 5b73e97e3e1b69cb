"""The printed summary of a run of freescout."""

from pipelines.report.layout import Report, section, summary
from pipelines.result.freescout import CustomersResult, FreeScoutStats


def freescout_report(stats: FreeScoutStats) -> Report[FreeScoutStats]:
    """What a run of freescout comes to."""
    lines = customer_lines(stats.customers)
    failed = [f"  Errors: {len(stats.failures)}"] if stats.failures else []
    text = summary("FREESCOUT SYNC SUMMARY", stats, section("CUSTOMER SYNC", [*lines, *failed]))
    return Report(stats=stats, summary=text)


def customer_lines(result: CustomersResult) -> list[str]:
    """What became of the customers."""
    counts = {
        "Created": result.created,
        "Updated": result.updated,
        "Skipped": result.skipped,
        "Deleted": result.deleted,
    }
    synced = f"Customers synced: {result.created + result.updated}/{result.total}"
    return [synced, *(f"  {done}: {count}" for done, count in counts.items() if count)]
