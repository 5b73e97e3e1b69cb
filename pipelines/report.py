"""The printed summary of a run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.result import ErrorRecord, PeopleStats, PersonsResult, PhotoStats, ReverseSyncResult, SubmitResult

WIDTH = 40

_RULE = "=" * WIDTH


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleReport:
    """What a run of people comes to."""

    stats: PeopleStats

    @property
    def success(self) -> bool:
        """Nothing failed: no step, and no item of a step."""
        return not self.stats.failures

    @property
    def summary(self) -> str:
        """The text that is printed."""
        return people_summary(self.stats)


def people_summary(stats: PeopleStats) -> str:
    """The summary of a run of people."""
    sections = [
        _section("SPORTLINK DOWNLOAD", [f"Members downloaded: {stats.download.downloaded}"]),
        _section("LAPOSTA SYNC", _laposta(stats.laposta, stats.prepare.created, stats.prepare.excluded)),
        _section("RONDO CLUB SYNC", _rondo_club(stats.rondo_club)),
        _section("PHOTO SYNC", _photos(stats.photos)),
        _section("REVERSE SYNC", _reverse_sync(stats.reverse_sync)),
        _section(f"ERRORS ({len(stats.failures)})", map(_error, stats.failures)),
    ]
    head = ["", _RULE, "PEOPLE SYNC SUMMARY", _RULE, ""]
    times = [f"Completed: {stats.completed_at}", f"Duration: {stats.duration}", ""]
    return "\n".join([*head, *times, *(line for section in sections for line in section), _RULE])


def _section(heading: str, lines: Iterable[str]) -> Sequence[str]:
    """A heading with its lines; nothing when there are none."""
    content = list(lines)
    return [heading, "-" * WIDTH, *content, ""] if content else []


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


def _error(error: ErrorRecord) -> str:
    tag = f" [{error.system}]" if error.system else ""
    return f"- {error.identifier or 'system'}{tag}: {' '.join(error.text.split())}"
