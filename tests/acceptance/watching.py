"""watching(): what each step of the runs in a block did, as the systems of the sandbox saw it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from itertools import takewhile

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider

from otel_sqlite import semconv
from pipelines.sandbox import Received, Sandbox
from tests.acceptance.ledger import PERSON_STEPS, Persons, Work


class _Watcher(SpanProcessor):
    """Looks when a step begins and when it ends."""

    def __init__(self) -> None:
        self.sandbox: Sandbox | None = None
        self.work: dict[str, dict[str, Work]] = {}
        self._begun: dict[int, tuple[Received | None, Persons]] = {}

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        del parent_context
        if self.sandbox is not None and (step := _attribute(span, semconv.STEP_NAME)):
            last = next(reversed(self.sandbox.requests), None)
            self._begun[_id(span)] = last, _persons(self.sandbox, step)

    def on_end(self, span: ReadableSpan) -> None:
        if self.sandbox is not None and (step := _attribute(span, semconv.STEP_NAME)):
            last, before = self._begun.pop(_id(span))
            received = [*takewhile(lambda one: one is not last, reversed(self.sandbox.requests))]
            work = Work(received=received[::-1], before=before, after=_persons(self.sandbox, step))
            self.work.setdefault(_attribute(span, semconv.PIPELINE_NAME), {})[step] = work


@contextmanager
def watching(sandbox: Sandbox) -> Iterator[Mapping[str, Mapping[str, Work]]]:
    """Give what steps did, by pipeline and step; it is there when the step has ended. For use inside of `recorded`."""
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    watcher = _watcher_of(provider)
    watcher.sandbox, watcher.work = sandbox, {}
    try:
        yield watcher.work
    finally:
        watcher.sandbox = None


@cache
def _watcher_of(provider: TracerProvider) -> _Watcher:
    """A provider does not part with its processors."""
    watcher = _Watcher()
    provider.add_span_processor(watcher)
    return watcher


def _persons(sandbox: Sandbox, step: str) -> Persons:
    """The custom fields by id; none for a step that does not ask, because to look at all takes long."""
    return {person["id"]: person["acf"] for person in sandbox.rondo_club.persons()} if step in PERSON_STEPS else {}


def _attribute(span: ReadableSpan, name: str) -> str:
    return str((span.attributes or {}).get(name) or "")


def _id(span: ReadableSpan) -> int:
    return span.get_span_context().span_id  # type: ignore[no-any-return, no-untyped-call, unused-ignore]  # the SDK's typing is partial
