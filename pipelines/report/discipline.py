"""The printed summary of a run of discipline."""

from pipelines.report.layout import Report, section, summary
from pipelines.result.discipline import CasesResult, DisciplineStats


def discipline_report(stats: DisciplineStats) -> Report[DisciplineStats]:
    """What a run of discipline comes to."""
    text = summary(
        "DISCIPLINE SYNC SUMMARY",
        stats,
        section("DISCIPLINE DOWNLOAD", [f"Cases downloaded: {stats.download.case_count}"]),
        section("RONDO CLUB SYNC", case_lines(stats.sync)),
    )
    return Report(stats=stats, summary=text)


def case_lines(result: CasesResult) -> list[str]:
    """What became of the cases."""
    counts = {
        "  Created: {}": result.created,
        "  Updated: {}": result.updated,
        "  Skipped: {}": result.skipped,
        "  Linked to persons: {}": result.linked,
        "  Skipped (no person): {}": result.skipped_no_person,
        "  Dismissed (not in Sportlink any more): {}": result.dismissed,
    }
    return [f"Cases synced: {result.synced}/{result.total}", *(line.format(count) for line, count in counts.items() if count)]
