"""What the steps of discipline report, and the stats of a run of discipline."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipelines.result.records import ErrorRecord, Failures, Result, failures_json
from pipelines.result.stats import Stats


@dataclass(slots=True, kw_only=True)
class CaseDownloadResult(Result):
    """The step discipline-download; `case_count` counts what was received."""

    case_count: int = 0

    @property
    def created(self) -> int:
        """Cases received."""
        return self.case_count


@dataclass(slots=True, kw_only=True)
class CasesResult(Result):
    """The step discipline-sync.

    Attributes:
        skipped: Rondo Club knew them already, or they have no match date and so no season.
        skipped_no_person: Nobody in Rondo Club that they could be about.
        dismissed: They have vanished from Sportlink, and the club was told.
    """

    total: int = 0
    created: int = 0
    updated: int = 0
    skipped: int = 0
    skipped_no_person: int = 0
    dismissed: int = 0

    @property
    def synced(self) -> int:
        """Cases written."""
        return self.created + self.updated

    @property
    def linked(self) -> int:
        """Cases of somebody in Rondo Club."""
        return self.created + self.updated + self.skipped


@dataclass(slots=True, kw_only=True)
class DisciplineStats(Stats):
    """What a run of discipline did."""

    pipeline: ClassVar[str] = "discipline"

    download: CaseDownloadResult = field(default_factory=CaseDownloadResult)
    sync: CasesResult = field(default_factory=CasesResult)

    @property
    def failures(self) -> Failures:
        """Everything that failed, in the order in which it did: it only grows."""
        of_steps = [*self.failed_steps("discipline-download"), *self.download.failures, *self.sync.failures]
        return [*of_steps, *self.failed_steps("discipline-sync", "discipline")]

    def as_json(self) -> dict[str, Any]:
        """The stats as `summary_json` holds them."""
        return {
            "completedAt": self.completed_at,
            "duration": self.duration,
            "download": {"caseCount": self.download.case_count, "errors": failures_json(self._download())},
            "sync": {
                "total": self.sync.total,
                "synced": self.sync.synced,
                "created": self.sync.created,
                "updated": self.sync.updated,
                "skipped": self.sync.skipped,
                "linked": self.sync.linked,
                "skipped_no_person": self.sync.skipped_no_person,
                "dismissed": self.sync.dismissed,
                "errors": failures_json(self._sync()),
            },
        }

    def _download(self) -> list[ErrorRecord]:
        return [*self.failed_steps("discipline", "discipline-download"), *self.download.failures]

    def _sync(self) -> list[ErrorRecord]:
        return [*self.failed_steps("discipline-sync"), *self.sync.failures]
