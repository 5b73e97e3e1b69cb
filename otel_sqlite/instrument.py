"""run(), Run and Step: what pipelines call. They speak the OpenTelemetry API alone, and record failures, each once.

Tracking never harms: whatever goes wrong in here or in the SDK is logged, not raised (unless OTEL_SQLITE_STRICT=1), and the
exceptions of the pipeline pass through untouched.
"""

import contextlib
import functools
import logging
import os
import threading
import time
import weakref
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Literal, Self, TypeVar

from opentelemetry import context, trace
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode, TracerProvider

from otel_sqlite import clean, events, propagation, semconv, settings
from otel_sqlite.following import Counts, Followed
from otel_sqlite.model import EndReason, ItemError, Outcome, StepResult, end_reason, run_outcome, step_outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextvars import Token
    from types import TracebackType

    from opentelemetry.context import Context

_logger = logging.getLogger(__name__)
_Result = TypeVar("_Result", bound=StepResult)

KEPT_ITEM_ERRORS: Final = 10_000  # of a step; more are counted
_OFFICIAL_RESULT: Final = {
    Outcome.SUCCESS: semconv.RESULT_SUCCESS,
    Outcome.PARTIAL: semconv.RESULT_FAILURE,
    Outcome.FAILURE: semconv.RESULT_FAILURE,
    Outcome.SKIPPED: semconv.RESULT_SKIP,
}

# One lock for what all steps count and follow, because a lock has to be replaced in a forked child; a fork waits for it, as the
# background thread may be in the middle of an event. A signal handler may come back to a counter in the middle of another count.
# Nothing but the SDK is called while it is held: code of others may wait for whoever is waiting here.
_counting = threading.RLock()
# Steps that may have results that still grow. Not a WeakSet: Python throws a Ctrl-C away that strikes in its callbacks.
_following: "set[weakref.ref[Step]]" = set()


def _before_fork() -> None:
    _counting.acquire()


def _after_fork_in_parent() -> None:
    _counting.release()


def _after_fork_in_child() -> None:
    global _counting, _following
    _counting, _following = threading.RLock(), set()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


def look() -> None:
    """Let all open steps count what is new in the results that they follow; for whoever shows steps while they are open.

    It reads objects of the pipeline. To be called without holding a lock: they may wait for one of their own.
    """
    steps = []
    with _counting:
        for reference in list(_following):
            if (step := reference()) is not None:
                steps.append(step)
            else:  # it was never left
                _following.discard(reference)
    for step in steps:
        step._look()  # noqa: SLF001 - as if a method of its own


def run(pipeline: str, *, tracer_provider: TracerProvider | None = None) -> "Run":
    """Track one execution of a pipeline: use it as a context manager.

    Args:
        pipeline: The pipeline's name; it groups runs on the dashboard.
        tracer_provider: Where the spans go; the global provider (see ``configure``) by default.
    """
    return Run(pipeline, tracer_provider)


class Harmless:
    """Keeps whatever goes wrong in tracking away from the pipeline; says so once."""

    __slots__ = ("_has_complained",)

    def __init__(self) -> None:
        self._has_complained = False

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: "TracebackType | None") -> bool:
        if error is None or not issubclass(type(error), Exception) or settings.is_strict():
            return False
        if not self._has_complained:
            self._has_complained = True
            _logger.warning("tracking failed, the pipeline goes on: %s: %s", type(error).__name__, clean.text(error))
        return True


class _Block:
    """A span that is open while a ``with`` block runs."""

    __slots__ = ("_around", "_harmless", "_pid", "_place", "_recorded", "_span", "_started_ns", "_token")

    def __init__(self, harmless: Harmless) -> None:
        self._harmless = harmless
        self._recorded: set[events.Identity] = set()  # exceptions that a block inside this one has recorded
        self._span: Span = INVALID_SPAN
        self._token: Token[Context] | None = None
        self._place: Token[_Block | None] | None = None
        self._around: _Block | None = None
        self._pid = os.getpid()
        self._started_ns = 0

    def _open(self, tracer: trace.Tracer, name: str, parent: "Context", kind: SpanKind, attributes: "dict[str, str]") -> None:
        # record_exception=False: the SDK's own recording replaces the pipeline's exception when its __str__ fails.
        self._span = tracer.start_span(
            name, parent, kind, attributes=attributes, record_exception=False, set_status_on_exception=False
        )
        self._token = context.attach(trace.set_span_in_context(self._span, parent))
        self._around = _innermost.get()
        self._place = _innermost.set(self)
        self._pid = os.getpid()
        self._started_ns = time.monotonic_ns()

    def _detach(self) -> None:
        # A generator may be closed long after, when its block is not around the caller any more, or in a copy of the context.
        if self._token is None or self._place is None or (_innermost.get() is not self and self not in _blocks()):
            return
        with contextlib.suppress(ValueError):
            _innermost.reset(self._place)
            context.detach(self._token)

    def _is_ours(self) -> bool:
        """False in a forked child that leaves its parent's block: the block goes on in the parent."""
        return self._token is not None and self._pid == os.getpid()

    def _end(self, outcome: Outcome, reason: EndReason, result_key: str, error: BaseException | None) -> None:
        if not self._is_ours():
            return
        with self._harmless:
            if error is not None and reason is not EndReason.OK and events.identity(error) not in self._recorded:
                self._span.add_event(semconv.EXCEPTION_EVENT, events.of_exception(error))
        with self._harmless:
            try:
                self._close(outcome, reason, result_key, error)
            finally:  # a span that stays open looks like a run that goes on
                self._span.end()

    def _close(self, outcome: Outcome, reason: EndReason, result_key: str, error: BaseException | None) -> None:
        official = semconv.RESULT_CANCELLATION if reason is EndReason.CANCELLED else _OFFICIAL_RESULT[outcome]
        duration_ms = (time.monotonic_ns() - self._started_ns) // 1_000_000
        ending: dict[str, str | int] = {
            semconv.OUTCOME: outcome.value,
            result_key: official,
            semconv.END_REASON: reason.value,
            semconv.DURATION_MS: duration_ms,
        }
        if error is not None and outcome is Outcome.FAILURE:
            ending[semconv.ERROR_TYPE] = events.type_name(error)
            self._span.set_status(Status(StatusCode.ERROR, events.describe(error)))
        self._span.set_attributes(ending)


def _new_id() -> str:
    """What uuid4() makes of as many random bits, without its dashes and at a quarter of the cost."""
    return os.urandom(16).hex()


_innermost: "ContextVar[_Block | None]" = ContextVar("otel_sqlite.innermost", default=None)


def _blocks() -> "Iterator[_Block]":
    """The open blocks around the caller, from the innermost."""
    block = _innermost.get()
    while block is not None:
        yield block
        block = block._around  # noqa: SLF001 - as if a method of its own


def is_in_unseen_run() -> bool:
    """Whether the caller is inside a run that began before there was an SDK."""
    return any(isinstance(block, Run) and isinstance(block._tracer, trace.NoOpTracer) for block in _blocks())  # noqa: SLF001 - of this module


@functools.cache  # once is enough
def _say_turned_down(pipeline: str) -> None:
    _logger.warning(
        "runs of %r leave no trace, this one or others: the sampler of the TracerProvider turned one down "
        "(see OTEL_TRACES_SAMPLER and TRACEPARENT; a provider that configure() makes shows them all the same)",
        pipeline,
    )


class Run(_Block):
    """One execution of a pipeline: a span, and a row that is on the dashboard from its first moment."""

    __slots__ = ("_outcome", "_pipeline", "_provider", "_run_id", "_step_outcomes", "_tracer")

    def __init__(self, pipeline: str, tracer_provider: TracerProvider | None = None) -> None:
        super().__init__(Harmless())
        self._pipeline = clean.text(pipeline, clean.NAME_LIMIT)
        self._provider = tracer_provider
        self._tracer: trace.Tracer = trace.NoOpTracer()
        self._begin()

    def _begin(self) -> None:
        """A handle that is used again is another run."""
        self._run_id = _new_id()
        self._outcome = Outcome.RUNNING
        self._step_outcomes: list[Outcome] = []
        self._recorded = set()

    @property
    def outcome(self) -> Outcome:
        """``running`` until the block is left, then how the run ended."""
        return self._outcome

    def step(self, name: str) -> "Step":
        """A step of this run, in whatever thread or task it is opened: use it as a context manager."""
        return Step(self, name)

    def summarize(self, stats: object) -> None:
        """Keep the run's statistics (a mapping or a dataclass) as JSON; the last call wins."""
        with self._harmless:
            self._span.set_attribute(semconv.SUMMARY, clean.json_text(stats, clean.SUMMARY_LIMIT))

    def __enter__(self) -> Self:
        with self._harmless:
            self._begin()
            self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: "TracebackType | None"
    ) -> Literal[False]:
        reason = end_reason(error)
        self._outcome = run_outcome(reason, self._step_outcomes)
        with self._harmless:
            self._detach()
        self._end(self._outcome, reason, semconv.RUN_RESULT, error)
        return False

    def _start(self) -> None:
        ambient = propagation.surroundings()
        parent_run_id = propagation.run_around(ambient)
        attributes = {
            semconv.PIPELINE_NAME: self._pipeline,
            semconv.RUN_ID: self._run_id,
            semconv.RUN_STATE: semconv.STATE_EXECUTING,
        }
        if parent_run_id is not None:
            attributes[semconv.PARENT_RUN_ID] = parent_run_id
        self._tracer = trace.get_tracer(semconv.SCOPE, tracer_provider=self._provider, schema_url=semconv.SCHEMA_URL)
        parent = propagation.inside_run(ambient, self._run_id)
        self._open(self._tracer, f"RUN {self._pipeline}", parent, SpanKind.SERVER, attributes)
        if self._span.get_span_context().span_id in {0, trace.get_current_span(ambient).get_span_context().span_id}:
            # No SDK made a span. One that comes later would see steps of a run that never ends.
            self._tracer = trace.NoOpTracer()
        elif not self._span.is_recording():
            _say_turned_down(self._pipeline)

    def _open_step(self, step: "Step", name: str) -> None:
        """Start the step's span below the run's, wherever the caller is."""
        parent = trace.set_span_in_context(self._span, propagation.inside_run(context.get_current(), self._run_id))
        attributes = {
            semconv.PIPELINE_NAME: self._pipeline,
            semconv.RUN_ID: self._run_id,
            semconv.STEP_NAME: name,
            semconv.STEP_ID: _new_id(),
        }
        step._open(self._tracer, name, parent, SpanKind.INTERNAL, attributes)  # noqa: SLF001 - the two are one unit


class Step(_Block):
    """One step of a run: a span, and a row with counts. Its methods may be called from any thread."""

    __slots__ = (
        "__weakref__",
        "_counts",
        "_detail",
        "_followed",
        "_is_foreign",
        "_is_skipped",
        "_kept",
        "_name",
        "_outer",
        "_run",
        "_unrecorded",
    )

    def __init__(self, parent: Run, name: str) -> None:
        super().__init__(parent._harmless)  # noqa: SLF001 - the two are one unit
        self._run = parent
        self._outer: Step | None = None  # the step of the same run that this one is opened in
        self._name = clean.text(name, clean.NAME_LIMIT)
        self._begin()

    def _begin(self) -> None:
        """A handle that is used again is another step."""
        self._recorded = set()
        self._counts = {semconv.CREATED: 0, semconv.UPDATED: 0, semconv.SKIPPED: 0, semconv.FAILED: 0}
        self._followed: dict[int, Followed] = {}  # by the id of the result
        self._detail: dict[object, object] = {}
        self._is_skipped = False
        self._is_foreign = False
        self._kept = 0
        self._unrecorded = 0

    def record(self, result: _Result) -> _Result:
        """Follow a result, and give it back: what it says is counted now, once a second, and when the step ends.

        A result that is complete is recorded as it is. One that is recorded before the work and filled by it is on the dashboard
        while it grows, and what was done counts whatever then becomes of the step. Recording a result again adds nothing.

        Args:
            result: Its attributes are read in a background thread as well. ``errors`` is followed as long as it is a list or a
                tuple that only grows; any other iterable is read once, here; a plain number becomes an error row at the end.
        """
        self._check_process()
        with self._harmless:
            self._take(self._followed.get(id(result)) or self._follow(result))
        return result

    def count(self, *, created: int = 0, updated: int = 0, skipped: int = 0, failed: int = 0) -> None:
        """Add to the step's counts; they are on the dashboard within a second."""
        self._check_process()
        with self._harmless, _counting:
            self._add((created, updated, skipped, failed))

    def item_error(self, error: ItemError | BaseException, item_id: str | None = None) -> None:
        """Record that an item failed while the step goes on; adds one to ``failed``."""
        with self._harmless:
            self._add_events(self._events([error], item_id))
        self.count(failed=1)

    def skip(self, reason: str) -> None:
        """Say that there was nothing for this step to do, and why; its outcome is ``skipped`` unless something fails."""
        with self._harmless:
            self._is_skipped = True
            self._span.set_attribute(semconv.SKIP_REASON, clean.text(reason))

    def detail(self, detail: "Mapping[str, object]") -> None:
        """Add facts about the step, kept as one JSON object."""
        with self._harmless:
            self._detail.update(detail)
            self._span.set_attribute(semconv.DETAIL, clean.json_text(self._detail, clean.DETAIL_LIMIT))

    def __enter__(self) -> Self:
        with self._harmless:
            self._begin()
            steps = (block for block in _blocks() if isinstance(block, Step))
            self._outer = next((step for step in steps if step._run is self._run), None)  # noqa: SLF001 - of the same class
            self._run._open_step(self, self._name)  # noqa: SLF001 - the two are one unit
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: "TracebackType | None"
    ) -> Literal[False]:
        reason = end_reason(error)
        self._stop_following()
        outcome = step_outcome(reason, skipped=self._is_skipped, failed=self._counts[semconv.FAILED])
        self._run._step_outcomes.append(outcome)  # noqa: SLF001 - the two are one unit
        with self._harmless:
            self._detach()
        self._end(outcome, reason, semconv.STEP_RESULT, error)
        with self._harmless:
            if error is not None:
                self._tell_outer_blocks(events.identity(error))
        return False

    def _check_process(self) -> None:
        """What a forked child says of its parent's step is lost with the child's copy of it; say so once."""
        if self._pid != os.getpid() and not self._is_foreign:
            self._is_foreign = True
            _logger.warning("step %r was opened in another process: open a step here, or this is not recorded", self._name)

    def _tell_outer_blocks(self, recorded: events.Identity) -> None:
        self._run._recorded.add(recorded)  # noqa: SLF001 - the two are one unit
        if self._outer is not None:
            self._outer._recorded.add(recorded)  # noqa: SLF001 - another step of the same run

    def _follow(self, result: object) -> Followed:
        followed = Followed(result)
        with self._harmless:  # a generator may fail in the middle
            for error in followed.read_once():
                self._add_events(self._events([error]))
        with _counting:
            if self._is_ours():
                _following.add(weakref.ref(self))
            return self._followed.setdefault(id(result), followed)

    def _look(self, *, is_last: bool = False) -> None:
        for followed in list(self._followed.values()):
            with self._harmless:
                self._take(followed, is_last=is_last)

    def _stop_following(self) -> None:
        """Look a last time; an event added to a span that has ended would be lost."""
        if self._is_ours():
            self._look(is_last=True)
        with self._harmless, _counting:
            _following.discard(weakref.ref(self))
            self._followed = {}

    def _take(self, followed: Followed, *, is_last: bool = False) -> None:
        """Add what is new in a result, unless the step has ended meanwhile."""
        reading = followed.read()
        told = [ItemError(None, f"Step reported {reading.number} error(s)")] if is_last and reading.number else reading.errors
        new = self._events(told)
        with _counting:
            if self._followed.get(id(followed.result)) is followed:
                grown, taken = followed.take(reading)
                self._add(grown)
                self._add_events(new[taken:])

    def _add(self, counts: Counts) -> None:
        grown = []
        for key, value in zip(self._counts, counts, strict=True):
            if number := clean.count(value):
                self._counts[key] = clean.count(self._counts[key] + number)
                grown.append(key)
        if grown:
            self._span.set_attributes({key: self._counts[key] for key in grown})

    def _events(self, errors: Sequence[object], item_id: object = None) -> list[dict[str, str] | None]:
        """The events of item errors; None for those that are too many."""
        if not errors:
            return []
        kept = errors[: max(KEPT_ITEM_ERRORS - self._kept, 0)]
        # It may be raised afterwards.
        self._recorded.update(events.identity(error) for error in kept if events.is_exception(error))
        return [*(events.of_item(error, item_id) for error in kept), *[None] * (len(errors) - len(kept))]

    def _add_events(self, new: Iterable[dict[str, str] | None]) -> None:
        with _counting:
            for event in new:
                if event is None or self._kept >= KEPT_ITEM_ERRORS:
                    self._unrecorded += 1
                    self._span.set_attribute(semconv.UNRECORDED, self._unrecorded)
                else:
                    self._kept += 1
                    self._span.add_event(semconv.EXCEPTION_EVENT, event)
