"""What the steps of people report, and the stats of a run of people."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipelines.result.records import ErrorRecord, Failures, Result, StepCounts, failures_json
from pipelines.result.stats import Stats


@dataclass(slots=True, kw_only=True)
class DownloadResult(Result):
    """The step sportlink-download."""

    downloaded: int = 0

    @property
    def created(self) -> int:
        """Members downloaded."""
        return self.downloaded


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedList:
    """A Laposta list: its number from 1, its subscribers, and how many of them are new or different."""

    index: int
    total: int
    updates: int


@dataclass(slots=True, kw_only=True)
class PrepareResult(Result):
    """The step laposta-prepare; `excluded` subscribers have an address that occupies all lists already.

    What fails is the question who is a volunteer: they are those of an earlier run then.
    """

    lists: list[PreparedList] = field(default_factory=list)
    excluded: int = 0

    @property
    def created(self) -> int:
        """Subscribers prepared, over all lists."""
        return sum(prepared.total for prepared in self.lists)


@dataclass(slots=True, kw_only=True)
class SubmittedList(Result):
    """A Laposta list: its number from 1, its id (None: not used), its subscribers, and what became of those that were sent."""

    index: int
    list_id: str | None
    total: int = 0
    created: int = 0
    updated: int = 0

    @property
    def synced(self) -> int:
        """Subscribers that were sent."""
        return self.created + self.updated

    def as_json(self) -> dict[str, Any]:
        """The list as it stands in the stats."""
        return {
            "index": self.index,
            "listId": self.list_id,
            "total": self.total,
            "synced": self.synced,
            "added": self.created,
            "updated": self.updated,
            "errors": failures_json(self.failures),
        }


@dataclass(slots=True, kw_only=True)
class SubmitResult(StepCounts):
    """The step laposta-submit."""

    lists: list[SubmittedList] = field(default_factory=list)

    @property
    def created(self) -> int:
        """Subscribers added, over all lists."""
        return sum(submitted.created for submitted in self.lists)

    @property
    def updated(self) -> int:
        """Subscribers updated, over all lists."""
        return sum(submitted.updated for submitted in self.lists)

    @property
    def failures(self) -> Failures:
        """Subscribers that Laposta did not take, of all lists."""
        return [failure for submitted in self.lists for failure in submitted.failures]


@dataclass(slots=True, kw_only=True)
class PersonCounts(Result):
    """What became of the members, or of the parents.

    Attributes:
        updated: They, or for a parent those that it is related to, had to be written.
        skipped: Rondo Club knew them already.
        deleted: Their persons, as they are in the download no more; a member's is kept as a former member's.
        conflicts: Fields that were changed in Rondo Club and not yet in Sportlink, and that were left alone.
    """

    total: int = 0
    created: int = 0
    updated: int = 0
    skipped: int = 0
    deleted: int = 0
    conflicts: int = 0


@dataclass(slots=True, kw_only=True)
class PersonsResult(StepCounts):
    """The step rondo-club-sync."""

    members: PersonCounts = field(default_factory=PersonCounts)
    parents: PersonCounts = field(default_factory=PersonCounts)

    @property
    def total(self) -> int:
        """Members and parents."""
        return self.members.total + self.parents.total

    @property
    def created(self) -> int:
        """Members and parents created."""
        return self.members.created + self.parents.created

    @property
    def updated(self) -> int:
        """Members and parents updated."""
        return self.members.updated + self.parents.updated

    @property
    def skipped(self) -> int:
        """Members and parents that Rondo Club knew already."""
        return self.members.skipped + self.parents.skipped

    @property
    def deleted(self) -> int:
        """Members and parents that are in the download no more."""
        return self.members.deleted + self.parents.deleted

    @property
    def failures(self) -> Failures:
        """Members and parents that failed."""
        return [*self.members.failures, *self.parents.failures]


@dataclass(slots=True, kw_only=True)
class PhotoDownloadResult(Result):
    """The step photo-download; `missing` photos have a date in Sportlink and no image, which is no failure."""

    total: int = 0
    downloaded: int = 0
    missing: int = 0

    @property
    def created(self) -> int:
        """Photos downloaded."""
        return self.downloaded


@dataclass(slots=True, kw_only=True)
class PhotoUploadResult(Result):
    """The step photo-upload; `postponed` photos have no person or no file yet, and each is a failure as well."""

    uploaded: int = 0
    deleted: int = 0
    postponed: int = 0

    @property
    def created(self) -> int:
        """Photos uploaded."""
        return self.uploaded

    @property
    def skipped(self) -> int:
        """Photos postponed."""
        return self.postponed


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedMember:
    """What became of one member's changes; `error` is None when Sportlink has them."""

    knvb_id: str
    attempts: int
    field_count: int
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The member as it stands in the stats."""
        return {
            "knvbId": self.knvb_id,
            "success": self.error is None,
            "attempts": self.attempts,
            "fieldCount": self.field_count,
            "error": self.error,
        }


@dataclass(slots=True, kw_only=True)
class ReverseSyncResult(StepCounts):
    """The step reverse-sync; one result for each member with changes, and what is said of changes that were held back."""

    results: list[PushedMember] = field(default_factory=list)
    held_back: list[ErrorRecord] = field(default_factory=list)

    @property
    def updated(self) -> int:
        """Members whose changes Sportlink has."""
        return sum(pushed.error is None for pushed in self.results)

    @property
    def failures(self) -> Failures:
        """Changes that were held back, and members whose changes Sportlink did not take."""
        refused = [
            ErrorRecord(knvb_id=pushed.knvb_id, message=pushed.error, system="reverse-sync")
            for pushed in self.results
            if pushed.error is not None
        ]
        return [*self.held_back, *refused]


@dataclass(slots=True, kw_only=True)
class PhotoStats:
    """The results of the two photo steps."""

    download: PhotoDownloadResult = field(default_factory=PhotoDownloadResult)
    upload: PhotoUploadResult = field(default_factory=PhotoUploadResult)


@dataclass(slots=True, kw_only=True)
class PeopleStats(Stats):
    """What a run of people did."""

    pipeline: ClassVar[str] = "people"

    download: DownloadResult = field(default_factory=DownloadResult)
    prepare: PrepareResult = field(default_factory=PrepareResult)
    laposta: SubmitResult = field(default_factory=SubmitResult)
    rondo_club: PersonsResult = field(default_factory=PersonsResult)
    photos: PhotoStats = field(default_factory=PhotoStats)
    reverse_sync: ReverseSyncResult = field(default_factory=ReverseSyncResult)

    @property
    def failures(self) -> Failures:
        """Everything that failed, in the order of the stats."""
        return [*self._laposta(), *self._rondo_club(), *self._photos(), *self._reverse_sync()]

    def as_json(self) -> dict[str, Any]:
        """The stats as `summary_json` holds them."""
        return {
            "completedAt": self.completed_at,
            "duration": self.duration,
            "downloaded": self.download.downloaded,
            "prepared": self.prepare.created,
            "excluded": self.prepare.excluded,
            "synced": self.laposta.created + self.laposta.updated,
            "added": self.laposta.created,
            "updated": self.laposta.updated,
            "errors": failures_json(self._laposta()),
            "lists": [submitted.as_json() for submitted in self.laposta.lists],
            "rondoClub": {
                "total": self.rondo_club.total,
                "synced": self.rondo_club.created + self.rondo_club.updated,
                "created": self.rondo_club.created,
                "updated": self.rondo_club.updated,
                "skipped": self.rondo_club.skipped,
                "errors": failures_json(self._rondo_club()),
            },
            "photos": {
                "downloaded": self.photos.download.downloaded,
                "uploaded": self.photos.upload.uploaded,
                "deleted": self.photos.upload.deleted,
                "skipped": self.photos.upload.postponed,
                "errors": failures_json(self._photos()),
            },
            "reverseSync": {
                "synced": self.reverse_sync.updated,
                "failed": self.reverse_sync.failed,
                "errors": failures_json(self._reverse_sync()),
                "results": [pushed.as_json() for pushed in self.reverse_sync.results],
            },
        }

    def _laposta(self) -> list[ErrorRecord]:
        return [*self.failed_steps("people", "laposta"), *self.prepare.failures, *self.laposta.failures]

    def _rondo_club(self) -> list[ErrorRecord]:
        return [*self.failed_steps("rondoClub"), *self.rondo_club.failures]

    def _photos(self) -> list[ErrorRecord]:
        photos = [*self.photos.download.failures, *self.photos.upload.failures]
        return [*self.failed_steps("photo-download", "photo-sync"), *photos]

    def _reverse_sync(self) -> list[ErrorRecord]:
        return [*self.failed_steps("reverse-sync"), *self.reverse_sync.failures]
