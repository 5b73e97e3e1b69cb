"""The printed summary of a run of functions."""

from pipelines.report.layout import Report, section, summary
from pipelines.report.posts import post_lines, work_history_lines
from pipelines.result.functions import FunctionsStats


def functions_report(stats: FunctionsStats) -> Report[FunctionsStats]:
    """What a run of functions comes to."""
    download = [
        f"Members processed: {stats.download.total}",
        f"Functions: {stats.download.functions_count}",
        f"Committee memberships: {stats.download.committees_count}",
    ]
    fields = [f"Members synced: {stats.free_fields.updated}/{stats.free_fields.total}"] if stats.free_fields.total else []
    text = summary(
        "FUNCTIONS SYNC SUMMARY",
        stats,
        section("FUNCTIONS DOWNLOAD", download),
        section("COMMISSIES SYNC TO RONDO CLUB", post_lines("Commissies", stats.commissies)),
        section("COMMISSIE WORK HISTORY SYNC", work_history_lines(stats.work_history)),
        section("FREE FIELDS SYNC", fields),
    )
    return Report(stats=stats, summary=text)
