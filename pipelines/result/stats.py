"""The stats of a run: what its steps did, when it completed and how long it took (the structure of `summary_json`)."""

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from pipelines.errors import SyncError
from pipelines.result.records import ErrorRecord, Failures

logger = logging.getLogger(__name__)

TIME_ZONE = ZoneInfo("Europe/Amsterdam")
"""Where the club is."""

Clock = Callable[[], datetime]
"""Tells the time, in UTC."""


def utc_now() -> datetime:
    """The clock on the wall."""
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class Stats:
    """What a run did. A step that raised leaves in its result what it did until then.

    Attributes:
        pipeline: Tag of the failure that ends a run.
        step_failures: Steps that failed as a whole, tagged with the part of the stats that they belong to.
        completed_at: UTC, `YYYY-MM-DD HH:MM:SS`; empty while the run goes on.
        duration: `45s`, `2m 30s`; empty while the run goes on.
    """

    pipeline: ClassVar[str]

    step_failures: list[ErrorRecord] = field(default_factory=list)
    completed_at: str = ""
    duration: str = ""

    @contextmanager
    def completing(self, summarize: Callable[[Mapping[str, Any]], None], clock: Clock) -> Iterator[date]:
        """Complete the stats and hand them over when the block is left, however it is left.

        Args:
            summarize: Takes the stats as JSON.
            clock: Tells when the run started and completed.

        Yields:
            The day at the club on which the run started.
        """
        started_at = clock()
        try:
            yield started_at.astimezone(TIME_ZONE).date()
        except Exception as error:
            if isinstance(error, SyncError):
                logger.error("the run ends early: %s", error.log_text)  # noqa: TRY400  our own errors speak for themselves
            self.step_failures.append(ErrorRecord(message=str(error), system=self.pipeline))
            raise
        finally:
            now = clock()
            self.completed_at = now.strftime("%Y-%m-%d %H:%M:%S")
            self.duration = duration_text(now - started_at)
            summarize(self.as_json())

    @property
    @abstractmethod
    def failures(self) -> Failures:
        """Everything that failed, in the order of the stats."""

    @abstractmethod
    def as_json(self) -> dict[str, Any]:
        """The stats as `summary_json` holds them."""

    def failed_steps(self, *systems: str) -> list[ErrorRecord]:
        """The steps with these tags that failed as a whole."""
        return [failure for failure in self.step_failures if failure.system in systems]


def duration_text(duration: timedelta) -> str:
    """Whole seconds, and minutes that never become hours: `45s`, `2m 30s`, `75m 0s`."""
    minutes, seconds = divmod(max(0, int(duration.total_seconds())), 60)
    return f"{minutes}m {seconds}s" if minutes else f"{seconds}s"
