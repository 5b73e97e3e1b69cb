"""What steps report, and the stats of a run that are made of it (the structure of `summary_json`)."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from otel_sqlite import ItemError
from pipelines.errors import SyncError

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
"""Tells the time, in UTC."""


def utc_now() -> datetime:
    """The clock on the wall."""
    return datetime.now(UTC)


# ------------------------------------------------------------------------------------------------ errors


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRecord:
    """An item that failed, named by at most one identifier, or a whole step, named by none.

    Attributes:
        message: What went wrong; where a system says it under `error`, that counts too.
        system: Tag of where it failed.
    """

    knvb_id: str | None = None
    email: str | None = None
    dossier_id: str | None = None
    team_name: str | None = None
    commissie_name: str | None = None
    message: str | None = None
    error: str | None = None
    system: str | None = None

    @property
    def identifier(self) -> str | None:
        """The item's id; None for a step as a whole."""
        identifiers = (self.knvb_id, self.email, self.dossier_id, self.team_name, self.commissie_name)
        return next((identifier for identifier in identifiers if identifier), None)

    @property
    def text(self) -> str:
        """What went wrong; never empty."""
        return self.message or self.error or "Unknown error"

    def as_item_error(self) -> ItemError:
        """What the tracking keeps of it."""
        return ItemError(item_id=self.identifier, message=self.text)

    def as_json(self) -> dict[str, str]:
        """What the stats keep of it."""
        known = {name: value for name, value in asdict(self).items() if value and name != "error"}
        return known | {"message": self.text}


Failures = Sequence[ErrorRecord]


def failures_json(failures: Iterable[ErrorRecord]) -> list[dict[str, str]]:
    """Failures as they stand in the stats."""
    return [failure.as_json() for failure in failures]


# ------------------------------------------------------------------------------------------------ results of the steps


class Result:
    """What the tracking asks of any step's result. The count columns that a step has nothing for are zero."""

    __slots__ = ()

    @property
    def created(self) -> int:
        """Count column."""
        return 0

    @property
    def updated(self) -> int:
        """Count column."""
        return 0

    @property
    def skipped(self) -> int:
        """Count column."""
        return 0

    @property
    def failures(self) -> Failures:
        """The items that failed, and what failed as a whole while the step went on."""
        return ()

    @property
    def failed(self) -> int:
        """Count column."""
        return len(self.failures)

    @property
    def errors(self) -> list[ItemError]:
        """The failures as the tracking takes them."""
        return [failure.as_item_error() for failure in self.failures]


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareResult(Result):
    """The step laposta-prepare; `excluded` subscribers have an address that occupies all lists already."""

    lists: tuple[PreparedList, ...] = ()
    excluded: int = 0
    refresh_failures: Failures = ()

    @property
    def created(self) -> int:
        """Subscribers prepared, over all lists."""
        return sum(prepared.total for prepared in self.lists)

    @property
    def failures(self) -> Failures:
        """Why the volunteers are those of an earlier run, if they are."""
        return self.refresh_failures


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedList:
    """A Laposta list: its number from 1, its id (None: not used), its subscribers, and what became of those that were sent."""

    index: int
    list_id: str | None
    total: int = 0
    added: int = 0
    updated: int = 0
    failures: Failures = ()

    def as_json(self) -> dict[str, Any]:
        """The list as it stands in the stats."""
        return {
            "index": self.index,
            "listId": self.list_id,
            "total": self.total,
            "synced": self.added + self.updated,
            "added": self.added,
            "updated": self.updated,
            "errors": failures_json(self.failures),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitResult(Result):
    """The step laposta-submit."""

    lists: tuple[SubmittedList, ...] = ()

    @property
    def created(self) -> int:
        """Subscribers added, over all lists."""
        return sum(submitted.added for submitted in self.lists)

    @property
    def updated(self) -> int:
        """Subscribers updated, over all lists."""
        return sum(submitted.updated for submitted in self.lists)

    @property
    def failures(self) -> Failures:
        """Subscribers that Laposta did not take, of all lists."""
        return [failure for submitted in self.lists for failure in submitted.failures]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonCounts:
    """What became of the members, or of the parents.

    Attributes:
        skipped: Rondo Club knew them already.
        deleted: They are in the download no more; a member's person is kept as a former member's.
        conflicts: Fields that were changed in Rondo Club and not yet in Sportlink, and that were left alone.
    """

    total: int = 0
    created: int = 0
    updated: int = 0
    skipped: int = 0
    deleted: int = 0
    conflicts: int = 0
    failures: Failures = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonsResult(Result):
    """The step rondo-club-sync."""

    members: PersonCounts = PersonCounts()
    parents: PersonCounts = PersonCounts()

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
    def failures(self) -> Failures:
        """Members and parents that failed."""
        return [*self.members.failures, *self.parents.failures]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoDownloadResult(Result):
    """The step photo-download; `missing` photos have a date in Sportlink and no image, which is no failure."""

    total: int = 0
    downloaded: int = 0
    missing: int = 0
    failures: Failures = ()

    @property
    def created(self) -> int:
        """Photos downloaded."""
        return self.downloaded


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoUploadResult(Result):
    """The step photo-upload; `postponed` photos have no person or no file yet, and each is a failure as well."""

    uploaded: int = 0
    deleted: int = 0
    postponed: int = 0
    failures: Failures = ()

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseSyncResult(Result):
    """The step reverse-sync; one result for each member with changes."""

    results: tuple[PushedMember, ...] = ()

    @property
    def updated(self) -> int:
        """Members whose changes Sportlink has."""
        return len(self.results) - self.failed

    @property
    def failures(self) -> Failures:
        """Members whose changes Sportlink did not take."""
        return [
            ErrorRecord(knvb_id=pushed.knvb_id, message=pushed.error, system="reverse-sync")
            for pushed in self.results
            if pushed.error is not None
        ]


# ------------------------------------------------------------------------------------------------ the stats of people


@dataclass(slots=True, kw_only=True)
class PhotoStats:
    """The results of the two photo steps."""

    download: PhotoDownloadResult = PhotoDownloadResult()
    upload: PhotoUploadResult = PhotoUploadResult()


@dataclass(slots=True, kw_only=True)
class PeopleStats:
    """What a run of people did. A step that did not come to an end leaves its result empty.

    Attributes:
        step_failures: Steps that failed as a whole, tagged with the part of the stats that they belong to.
        completed_at: UTC, `YYYY-MM-DD HH:MM:SS`; empty while the run goes on.
        duration: `45s`, `2m 30s`; empty while the run goes on.
    """

    download: DownloadResult = DownloadResult()
    prepare: PrepareResult = PrepareResult()
    laposta: SubmitResult = SubmitResult()
    rondo_club: PersonsResult = PersonsResult()
    photos: PhotoStats = field(default_factory=PhotoStats)
    reverse_sync: ReverseSyncResult = ReverseSyncResult()
    step_failures: list[ErrorRecord] = field(default_factory=list)
    completed_at: str = ""
    duration: str = ""

    @contextmanager
    def completing(self, summarize: Callable[[Mapping[str, Any]], None], clock: Clock) -> Iterator[None]:
        """Complete the stats and hand them over when the block is left, however it is left.

        Args:
            summarize: Takes the stats as JSON.
            clock: Tells when the run started and completed.
        """
        started_at = clock()
        try:
            yield
        except Exception as error:
            if isinstance(error, SyncError):
                logger.error("the run ends early: %s", error)  # noqa: TRY400  our own errors speak for themselves
            self.step_failures.append(ErrorRecord(message=str(error), system="people"))
            raise
        finally:
            now = clock()
            self.completed_at = now.strftime("%Y-%m-%d %H:%M:%S")
            self.duration = duration_text(now - started_at)
            summarize(self.as_json())

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
        return [*self._steps("people", "laposta"), *self.prepare.failures, *self.laposta.failures]

    def _rondo_club(self) -> list[ErrorRecord]:
        return [*self._steps("rondoClub"), *self.rondo_club.failures]

    def _photos(self) -> list[ErrorRecord]:
        photos = [*self.photos.download.failures, *self.photos.upload.failures]
        return [*self._steps("photo-download", "photo-sync"), *photos]

    def _reverse_sync(self) -> list[ErrorRecord]:
        return [*self._steps("reverse-sync"), *self.reverse_sync.failures]

    def _steps(self, *systems: str) -> list[ErrorRecord]:
        return [failure for failure in self.step_failures if failure.system in systems]


def duration_text(duration: timedelta) -> str:
    """Whole seconds, and minutes that never become hours: `45s`, `2m 30s`, `75m 0s`."""
    minutes, seconds = divmod(max(0, int(duration.total_seconds())), 60)
    return f"{minutes}m {seconds}s" if minutes else f"{seconds}s"
