"""Times things side by side: in turns, so that a noisy machine disturbs all of them alike, and as ratios of medians."""

import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self, TypeVar

_Measured = TypeVar("_Measured")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table.

    Attributes:
        name: The target's, as in W1.
        what: What was measured, or divided by what.
        value: A ratio of medians, unless ``unit`` says otherwise; None when it could not be measured.
        low: One in ten paired measurements is below.
        high: One in ten paired measurements is above.
        target: The largest value that is good; None when the line is there to compare with.
        unit: Of value, low, high and target.
        note: What else there is to know.
    """

    name: str
    what: str
    value: float | None
    low: float | None = None
    high: float | None = None
    target: float | None = None
    unit: str = ""
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether the target is met."""
        if self.value is None or self.target is None:
            return ""
        missed_by = self.value - self.target
        return "met" if missed_by <= 0 else f"missed by {missed_by / self.target:.0%}" if self.target else "missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a piece of work cost the thread that did it, in seconds."""

    wall: float
    cpu: float


class Stopwatch:
    """Measures what the block costs; read ``cost`` after it."""

    cost: Cost

    def __enter__(self) -> Self:
        self._began = time.perf_counter(), time.thread_time()
        return self

    def __exit__(self, *exc_info: object) -> None:
        wall, cpu = self._began
        self.cost = Cost(wall=time.perf_counter() - wall, cpu=time.thread_time() - cpu)


def in_turns(rounds: int, *subjects: Callable[[int], _Measured]) -> list[list[_Measured]]:
    """What each subject says it measured in each round; they take turns at being first, and round 0 is for warming up."""
    measured: list[list[_Measured]] = [[] for _ in subjects]
    for number in range(rounds + 1):
        for turn in range(len(subjects)):
            index = (number + turn) % len(subjects)
            gc.collect()
            result = subjects[index](number)
            if number:
                measured[index].append(result)
    return measured


def ratio(name: str, what: str, ours: Sequence[float], theirs: Sequence[float], target: float | None) -> Figure:
    """Ours divided by theirs."""
    low, high = _spread([our / their for our, their in zip(ours, theirs, strict=True)])
    value = statistics.median(ours) / statistics.median(theirs)
    return Figure(name=name, what=what, value=value, low=low, high=high, target=target)


def milliseconds(name: str, what: str, times_s: Sequence[float], value_s: float, target: float) -> Figure:
    """A time as it is, for what has nothing to be divided by."""
    low, high = _spread([time_s * 1000 for time_s in times_s])
    return Figure(name=name, what=what, value=value_s * 1000, low=low, high=high, target=target, unit="ms")


def progress(text: str) -> None:
    """Say on stderr how far it is."""
    sys.stderr.write(f"{text}\n")


@contextmanager
def settled() -> Iterator[None]:
    """Keep what the block finds in memory out of the garbage collector's way: it is the benchmark's, not its subjects'."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _spread(values: Sequence[float]) -> tuple[float, float]:
    tenths = statistics.quantiles(values, n=10, method="inclusive")
    return tenths[0], tenths[-1]
