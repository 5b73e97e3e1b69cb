"""The printed summary of a run of people."""

from pipelines.report.layout import Report, section, summary
from pipelines.result.people import PeopleStats, PersonsResult, PhotoStats, ReverseSyncResult, SubmitResult


def people_report(stats: PeopleStats) -> Report[PeopleStats]:
    """What a run of people comes to."""
    text = summary(
        "PEOPLE SYNC SUMMARY",
        stats,
        section("SPORTLINK DOWNLOAD", [f"Members downloaded: {stats.download.downloaded}"]),
        section("LAPOSTA SYNC", _laposta(stats.laposta, stats.prepare.created, stats.prepare.excluded)),
        section("RONDO CLUB SYNC", _rondo_club(stats.rondo_club)),
        section("PHOTO SYNC", _photos(stats.photos)),
        section("REVERSE SYNC", _reverse_sync(stats.reverse_sync)),
    )
    return Report(stats=stats, summary=text)


def _laposta(result: SubmitResult, prepared: int, excluded: int) -> list[str]:
    note = f" ({excluded} excluded)" if excluded else ""
    return [
        f"Members prepared: {prepared}{note}",
        f"Members synced: {result.created + result.updated}",
        f"  Added: {result.created}",
        f"  Updated: {result.updated}",
    ]


def _rondo_club(result: PersonsResult) -> list[str]:
    lines = [
        f"Persons synced: {result.created + result.updated}/{result.total}",
        f"  Created: {result.created}",
        f"  Updated: {result.updated}",
    ]
    return [*lines, f"  Skipped: {result.skipped}"] if result.skipped else lines


def _photos(photos: PhotoStats) -> list[str]:
    counts = {
        "Photos downloaded: {}": photos.download.downloaded,
        "Photos uploaded: {}": photos.upload.uploaded,
        "Photos deleted: {}": photos.upload.deleted,
        "Photos skipped: {} (no local file)": photos.upload.postponed,
    }
    return [line.format(count) for line, count in counts.items() if count] or ["No photo changes"]


def _reverse_sync(result: ReverseSyncResult) -> list[str]:
    if not result.results:
        return []
    return [f"Members synced: {result.updated}", *([f"  Failed: {result.failed}"] if result.failed else [])]
