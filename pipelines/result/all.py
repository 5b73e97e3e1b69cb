"""What the last steps of all report, and the stats of a run of all, which are made of those of the other pipelines."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipelines.result.discipline import DisciplineStats
from pipelines.result.freescout import CustomersResult, customers_json
from pipelines.result.functions import FunctionsStats
from pipelines.result.people import PeopleStats
from pipelines.result.records import ErrorRecord, Failures, StepCounts, failures_json
from pipelines.result.stats import Stats
from pipelines.result.teams import TeamsStats

_OF_PEOPLE = ("downloaded", "prepared", "excluded", "synced", "added", "updated", "lists")


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerRunResult(StepCounts):
    """The step discipline-sync, which is a run of its own; whatever failed in there, failed here as well."""

    stats: DisciplineStats

    @property
    def created(self) -> int:
        """Cases created."""
        return self.stats.sync.created

    @property
    def updated(self) -> int:
        """Cases updated."""
        return self.stats.sync.updated

    @property
    def skipped(self) -> int:
        """Cases skipped."""
        return self.stats.sync.skipped

    @property
    def failures(self) -> Failures:
        """Everything that failed in the run."""
        return self.stats.failures


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoCoverage:
    """How many of the members have their photo in Rondo Club."""

    members_with_photos: int = 0
    total_members: int = 0


@dataclass(slots=True, kw_only=True)
class AllStats(Stats):
    """What a run of all did, by the pipelines whose steps it took; without FreeScout in the settings there are no customers."""

    pipeline: ClassVar[str] = "all"

    people: PeopleStats = field(default_factory=PeopleStats)
    teams: TeamsStats = field(default_factory=TeamsStats)
    functions: FunctionsStats = field(default_factory=FunctionsStats)
    coverage: PhotoCoverage = PhotoCoverage()
    has_freescout: bool = True
    customers: CustomersResult = field(default_factory=CustomersResult)
    discipline: InnerRunResult = field(default_factory=lambda: InnerRunResult(stats=DisciplineStats()))

    @property
    def failures(self) -> Failures:
        """Everything that failed, pipeline by pipeline."""
        of_pipelines = [*self.people.failures, *self.teams.failures, *self.functions.failures]
        return [*self.failed_steps("all"), *of_pipelines, *self._freescout(), *self._discipline()]

    def as_json(self) -> dict[str, Any]:
        """The stats as `summary_json` holds them."""
        people, teams, functions = self.people.as_json(), self.teams.as_json(), self.functions.as_json()
        return {
            "completedAt": self.completed_at,
            "duration": self.duration,
            **{name: people[name] for name in _OF_PEOPLE},
            "errors": [*failures_json(self.failed_steps("all")), *people["errors"]],
            "rondoClub": people["rondoClub"] | {"deleted": self.people.rondo_club.deleted},
            "photos": self._photos(),
            "teams": teams["teams"] | {"errors": [*teams["download"]["errors"], *teams["teams"]["errors"]]},
            "workHistory": teams["workHistory"],
            "functions": functions["download"] | {"downloaded": self.functions.download.downloaded},
            "commissies": functions["commissies"],
            "commissieWorkHistory": functions["workHistory"],
            "freescout": customers_json(self.customers, self._freescout()),
            "discipline": self.discipline.stats.as_json()["sync"] | {"errors": failures_json(self._discipline())},
        }

    def _photos(self) -> dict[str, Any]:
        download, upload = self.people.photos.download, self.people.photos.upload
        failed_uploads = [failure for failure in upload.failures if failure.system == "photo-upload"]
        failed_deletes = [failure for failure in upload.failures if failure.system == "photo-delete"]
        return {
            "download": {
                "total": download.total,
                "downloaded": download.downloaded,
                "skipped": download.missing,
                "failed": download.failed,
                "errors": failures_json([*self.people.failed_steps("photo-download"), *download.failures]),
            },
            "upload": {
                "total": upload.uploaded + len(failed_uploads),
                "synced": upload.uploaded,
                "skipped": upload.postponed,
                "errors": failures_json([*self.people.failed_steps("photo-sync"), *failed_uploads]),
            },
            "delete": {
                "total": upload.deleted + len(failed_deletes),
                "deleted": upload.deleted,
                "errors": failures_json(failed_deletes),
            },
            "coverage": {
                "members_with_photos": self.coverage.members_with_photos,
                "total_members": self.coverage.total_members,
            },
        }

    def _freescout(self) -> list[ErrorRecord]:
        return [*self.failed_steps("freescout"), *self.customers.failures]

    def _discipline(self) -> list[ErrorRecord]:
        return [*self.failed_steps("discipline"), *self.discipline.failures]
