"""A result that a step follows: what it says now, and how much of that the step has already."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from otel_sqlite import clean

Counts = tuple[int, ...]  # created, updated, skipped, failed

_COLUMNS: Final = ("created", "updated", "skipped", "failed")
_NOTHING: Final[Counts] = (0, 0, 0, 0)
_LISTS: Final = (list, tuple)


class Reading(NamedTuple):
    """What a result said when it was looked at.

    Attributes:
        counts: All of them, from the beginning.
        known: How many item errors the step had by then.
        errors: The item errors after those.
        number: The item errors of a result that only counts them.
    """

    counts: Counts
    known: int
    errors: Sequence[object]
    number: int


class Followed:
    """A result of the pipeline. Reading it runs code of others, which may do anything; what is theirs to raise is passed over."""

    __slots__ = ("_counts", "_known", "result")

    def __init__(self, result: object) -> None:
        self.result = result
        self._counts = _NOTHING
        self._known = 0

    def read_once(self) -> Iterator[object]:
        """The item errors that cannot be read again, because they come from neither a list nor a tuple."""
        errors = _read(self.result, "errors")
        if isinstance(errors, Iterable) and not isinstance(errors, (*_LISTS, str, bytes)):
            for error in errors:
                self._known += 1
                yield error

    def read(self) -> Reading:
        """What it says now."""
        known, errors = self._known, _read(self.result, "errors")
        new: Sequence[object] = ()
        number = 0
        if isinstance(errors, _LISTS):
            new = errors[known:]
        elif not isinstance(errors, Iterable):
            number = clean.count(errors)
        created, updated, skipped, failed = (clean.count(_read(self.result, name)) for name in _COLUMNS)
        failed = max(failed, number, known + len(new))
        return Reading((created, updated, skipped, failed), known, new, number)

    def take(self, reading: Reading) -> tuple[Counts, int]:
        """Note that the step has this now.

        Returns:
            By how much each count has grown, and how many of the reading's errors another look has taken meanwhile. A count
            that went down counts again from where it was highest.
        """
        taken = self._known - reading.known
        if not reading.errors and reading.counts == self._counts:
            return _NOTHING, taken
        self._known = max(self._known, reading.known + len(reading.errors))
        before, self._counts = self._counts, tuple(map(max, self._counts, reading.counts))
        return tuple(after - earlier for after, earlier in zip(self._counts, before, strict=True)), taken


def _read(result: object, name: str) -> object:
    """An attribute of somebody else's object; None when there is none, or reading it fails."""
    try:
        return getattr(result, name, None)
    except BaseException as problem:  # noqa: BLE001 - a property may do anything
        clean.hold_back(problem)
        return None
