"""The printed summary of a run of people."""

from pipelines.report.layout import Report, section, summary
from pipelines.result.people import PeopleStats, PersonsResult, PhotoStats, PushedMember, ReverseSyncResult, SubmitResult


def people_report(stats: PeopleStats, *, shows_pushed_members: bool = False) -> Report[PeopleStats]:
    """What a run of people comes to, and to what for each member whose contact details were pushed, where that is wanted."""
    text = summary(
        "PEOPLE SYNC SUMMARY",
        stats,
        section("SPORTLINK DOWNLOAD", [f"Members downloaded: {stats.download.downloaded}"]),
        section("LAPOSTA SYNC", laposta_lines(stats.laposta, stats.prepare.created, stats.prepare.excluded)),
        section("RONDO CLUB SYNC", person_lines(stats.rondo_club)),
        section("PHOTO SYNC", photo_lines(stats.photos)),
        section("REVERSE SYNC", _reverse_sync(stats.reverse_sync, shows_members=shows_pushed_members)),
    )
    return Report(stats=stats, summary=text)


def laposta_lines(result: SubmitResult, prepared: int, excluded: int) -> list[str]:
    """What became of the subscribers."""
    note = f" ({excluded} excluded)" if excluded else ""
    return [
        f"Members prepared: {prepared}{note}",
        f"Members synced: {result.created + result.updated}",
        f"  Added: {result.created}",
        f"  Updated: {result.updated}",
    ]


def person_lines(result: PersonsResult) -> list[str]:
    """What became of the persons."""
    lines = [
        f"Persons synced: {result.created + result.updated}/{result.total}",
        f"  Created: {result.created}",
        f"  Updated: {result.updated}",
    ]
    return [*lines, f"  Skipped: {result.skipped}"] if result.skipped else lines


def photo_lines(photos: PhotoStats) -> list[str]:
    """What became of the photos."""
    counts = {
        "Photos downloaded: {}": photos.download.downloaded,
        "Photos uploaded: {}": photos.upload.uploaded,
        "Photos deleted: {}": photos.upload.deleted,
        "Photos skipped: {} (no local file)": photos.upload.postponed,
    }
    return [line.format(count) for line, count in counts.items() if count] or ["No photo changes"]


def _reverse_sync(result: ReverseSyncResult, *, shows_members: bool) -> list[str]:
    if not result.results:
        return []
    failed = [f"  Failed: {result.failed}"] if result.failed else []
    return [f"Members synced: {result.updated}", *failed, *(map(_pushed_member, result.results) if shows_members else ())]


def _pushed_member(member: PushedMember) -> str:
    outcome = "synced" if member.error is None else "failed"
    return f"- {member.knvb_id}: {outcome}, fields: {member.field_count}, attempts: {member.attempts}"
