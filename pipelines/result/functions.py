"""What the steps of functions report, and the stats of a run of functions."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipelines.result.posts import PostsResult, WorkHistoryResult
from pipelines.result.records import ErrorRecord, Failures, Result, failures_json
from pipelines.result.stats import Stats


@dataclass(slots=True, kw_only=True)
class FunctionsDownloadResult(Result):
    """The step functions-download.

    Attributes:
        total: Members whose tabs were looked at.
        downloaded: Of these, those with a function or a place in a committee.
        functions_count: Functions of all of them.
        committees_count: Places in committees of all of them.
        is_complete: Everyone was looked at, not only those that were changed recently, and told all its places.
    """

    total: int = 0
    downloaded: int = 0
    functions_count: int = 0
    committees_count: int = 0
    is_complete: bool = False

    @property
    def created(self) -> int:
        """Members processed."""
        return self.total


@dataclass(slots=True, kw_only=True)
class FreeFieldsResult(Result):
    """The step free-fields-sync; `skipped` members have a person that shows their fields already."""

    total: int = 0
    updated: int = 0
    skipped: int = 0


@dataclass(slots=True, kw_only=True)
class FunctionsStats(Stats):
    """What a run of functions did."""

    pipeline: ClassVar[str] = "functions"

    download: FunctionsDownloadResult = field(default_factory=FunctionsDownloadResult)
    commissies: PostsResult = field(default_factory=PostsResult)
    work_history: WorkHistoryResult = field(default_factory=WorkHistoryResult)
    free_fields: FreeFieldsResult = field(default_factory=FreeFieldsResult)

    @property
    def failures(self) -> Failures:
        """Everything that failed, in the order of the stats."""
        return [*self._download(), *self._commissies(), *self._work_history(), *self._free_fields()]

    def as_json(self) -> dict[str, Any]:
        """The stats as `summary_json` holds them."""
        return {
            "completedAt": self.completed_at,
            "duration": self.duration,
            "download": {
                "total": self.download.total,
                "functionsCount": self.download.functions_count,
                "committeesCount": self.download.committees_count,
                "errors": failures_json(self._download()),
            },
            "commissies": self.commissies.as_json() | {"errors": failures_json(self._commissies())},
            "workHistory": self.work_history.as_json() | {"errors": failures_json(self._work_history())},
            "freeFields": {
                "total": self.free_fields.total,
                "updated": self.free_fields.updated,
                "skipped": self.free_fields.skipped,
                "errors": failures_json(self._free_fields()),
            },
        }

    def _download(self) -> list[ErrorRecord]:
        return [*self.failed_steps("functions", "functions-download"), *self.download.failures]

    def _commissies(self) -> list[ErrorRecord]:
        return [*self.failed_steps("commissie-sync"), *self.commissies.failures]

    def _work_history(self) -> list[ErrorRecord]:
        return [*self.failed_steps("commissie-work-history-sync"), *self.work_history.failures]

    def _free_fields(self) -> list[ErrorRecord]:
        return [*self.failed_steps("free-fields-sync"), *self.free_fields.failures]
