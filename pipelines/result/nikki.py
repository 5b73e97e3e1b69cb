"""What the steps of nikki report, and the stats of a run of nikki."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipelines.result.records import ErrorRecord, Failures, Result, failures_json
from pipelines.result.stats import Stats


@dataclass(slots=True, kw_only=True)
class NikkiDownloadResult(Result):
    """The step nikki-download."""

    count: int = 0

    @property
    def created(self) -> int:
        """Contributions downloaded."""
        return self.count


@dataclass(slots=True, kw_only=True)
class ContributionsResult(Result):
    """The step rondo-club-sync; `without_person` members have no person in Rondo Club, which is no failure."""

    updated: int = 0
    skipped: int = 0
    without_person: int = 0


@dataclass(slots=True, kw_only=True)
class NikkiStats(Stats):
    """What a run of nikki did."""

    pipeline: ClassVar[str] = "nikki"

    download: NikkiDownloadResult = field(default_factory=NikkiDownloadResult)
    contributions: ContributionsResult = field(default_factory=ContributionsResult)

    @property
    def failures(self) -> Failures:
        """Everything that failed, in the order of the stats."""
        return [*self._download(), *self._rondo_club()]

    def as_json(self) -> dict[str, Any]:
        """The stats as `summary_json` holds them; of the persons that failed only their number."""
        return {
            "completedAt": self.completed_at,
            "duration": self.duration,
            "download": {"count": self.download.count, "errors": failures_json(self._download())},
            "rondoClub": {
                "updated": self.contributions.updated,
                "skipped": self.contributions.skipped,
                "noRondoClubId": self.contributions.without_person,
                "errors": len(self._rondo_club()),
            },
        }

    def _download(self) -> list[ErrorRecord]:
        return [*self.failed_steps("nikki", "nikki-download"), *self.download.failures]

    def _rondo_club(self) -> list[ErrorRecord]:
        return [*self.failed_steps("rondoClub"), *self.contributions.failures]
