"""What steps report: counts, and the items that failed."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

from otel_sqlite import ItemError


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


class StepCounts:
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
    @abstractmethod
    def failures(self) -> Failures:
        """The items that failed, and what failed as a whole while the step went on; it only grows."""

    @property
    def failed(self) -> int:
        """Count column."""
        return len(self.failures)

    @property
    def errors(self) -> list[ItemError]:
        """The failures as the tracking takes them."""
        return [failure.as_item_error() for failure in self.failures]

    def told(self, *counts: str) -> str:
        """These counts, by name, and how many failed: for a line in the log."""
        return ", ".join(f"{getattr(self, name)} {name}" for name in (*counts, "failed"))


@dataclass(slots=True, kw_only=True)
class Result(StepCounts):
    """A result that its step fills as it goes: who follows it sees how far the step has come, and what it did before it raised.

    A count goes up when a request has succeeded. An item that fails is a failure and nothing else, even if something of it was
    written.
    """

    failures: list[ErrorRecord] = field(default_factory=list)
