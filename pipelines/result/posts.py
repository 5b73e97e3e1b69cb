"""What the steps report that bring posts, and the work history of persons, to Rondo Club."""

from dataclasses import dataclass
from typing import Any

from pipelines.result.records import Result


@dataclass(slots=True, kw_only=True)
class PostsResult(Result):
    """What became of the teams, or of the commissies.

    Attributes:
        skipped: Rondo Club knew them already.
        deleted: They are in the download no more, or nobody knows where they come from.
    """

    total: int = 0
    created: int = 0
    updated: int = 0
    skipped: int = 0
    deleted: int = 0

    @property
    def synced(self) -> int:
        """Written."""
        return self.created + self.updated

    def as_json(self) -> dict[str, Any]:
        """The counts as they stand in the stats, which add the errors."""
        return {
            "total": self.total,
            "synced": self.synced,
            "created": self.created,
            "updated": self.updated,
            "skipped": self.skipped,
            "deleted": self.deleted,
        }


@dataclass(slots=True, kw_only=True)
class WorkHistoryResult(Result):
    """What became of the rows of one kind in the work history of persons.

    Attributes:
        total: Members whose rows were not as they should be.
        synced: Of these, those whose rows had to be written, and are.
        created: Rows added.
        ended: Rows that are over.
        skipped: Rows that were as they should be.
    """

    total: int = 0
    synced: int = 0
    created: int = 0
    ended: int = 0
    skipped: int = 0

    @property
    def updated(self) -> int:
        """Rows that are over."""
        return self.ended

    def as_json(self) -> dict[str, Any]:
        """The counts as they stand in the stats, which add the errors."""
        return {
            "total": self.total,
            "synced": self.synced,
            "created": self.created,
            "ended": self.ended,
            "skipped": self.skipped,
        }
