"""How a summary looks: a title, sections, and what failed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipelines.result import ErrorRecord, Stats

WIDTH = 40

_RULE = "=" * WIDTH

AnyStats = TypeVar("AnyStats", bound=Stats)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Generic[AnyStats]):
    """What a run comes to; `summary` is the text that is printed."""

    stats: AnyStats
    summary: str

    @property
    def success(self) -> bool:
        """Nothing failed: no step, and no item of a step."""
        return not self.stats.failures


def summary(title: str, stats: Stats, *sections: Sequence[str], names_failures: bool = True) -> str:
    """The text of these sections, with a last one of what failed, if anything did and it is to be named."""
    errors = section(f"ERRORS ({len(stats.failures)})", map(_error, stats.failures if names_failures else ()))
    head = ["", _RULE, title, _RULE, ""]
    times = [f"Completed: {stats.completed_at}", f"Duration: {stats.duration}", ""]
    return "\n".join([*head, *times, *(line for part in (*sections, errors) for line in part), _RULE])


def section(heading: str, lines: Iterable[str]) -> Sequence[str]:
    """A heading with its lines; nothing when there are none."""
    content = list(lines)
    return [heading, "-" * WIDTH, *content, ""] if content else []


def _error(error: ErrorRecord) -> str:
    tag = f" [{error.system}]" if error.system else ""
    return f"- {error.identifier or 'system'}{tag}: {' '.join(error.text.split())}"
