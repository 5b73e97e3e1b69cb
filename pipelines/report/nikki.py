"""The printed summary of a run of nikki."""

from pipelines.report.layout import Report, section, summary
from pipelines.result.nikki import NikkiStats


def nikki_report(stats: NikkiStats) -> Report[NikkiStats]:
    """What a run of nikki comes to."""
    text = summary(
        "NIKKI SYNC SUMMARY",
        stats,
        section("NIKKI DOWNLOAD", [f"Contributions downloaded: {stats.download.count}"]),
        section("RONDO CLUB SYNC", _rondo_club(stats)),
        names_failures=False,
    )
    return Report(stats=stats, summary=text)


def _rondo_club(stats: NikkiStats) -> list[str]:
    result = stats.contributions
    failed = stats.as_json()["rondoClub"]["errors"]
    lines = [
        f"Persons updated: {result.updated}",
        f"Skipped: {result.skipped} (unchanged)",
        f"Skipped: {result.without_person} (no Rondo Club ID)",
    ]
    return [*lines, f"Errors: {failed}"] if failed else lines
