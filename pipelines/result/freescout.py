"""What the step of freescout reports, and the stats of a run of freescout."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipelines.result.records import Failures, Result, failures_json
from pipelines.result.stats import Stats


@dataclass(slots=True, kw_only=True)
class CustomersResult(Result):
    """The step freescout-sync; `deleted` customers were members, and have no address any more."""

    total: int = 0
    created: int = 0
    updated: int = 0
    skipped: int = 0
    deleted: int = 0


@dataclass(slots=True, kw_only=True)
class FreeScoutStats(Stats):
    """What a run of freescout did."""

    pipeline: ClassVar[str] = "freescout"

    customers: CustomersResult = field(default_factory=CustomersResult)

    @property
    def failures(self) -> Failures:
        """Everything that failed."""
        return [*self.failed_steps("freescout"), *self.customers.failures]

    def as_json(self) -> dict[str, Any]:
        """The stats as `summary_json` holds them."""
        return {"completedAt": self.completed_at, "duration": self.duration, **customers_json(self.customers, self.failures)}


def customers_json(customers: CustomersResult, failures: Failures) -> dict[str, Any]:
    """The customers as they stand in the stats."""
    return {
        "total": customers.total,
        "synced": customers.created + customers.updated,
        "created": customers.created,
        "updated": customers.updated,
        "skipped": customers.skipped,
        "deleted": customers.deleted,
        "errors": failures_json(failures),
    }
