"""recorded(): the runs of a block as plain records, for the tests of pipelines.

def test_one_bad_address_makes_the_run_partial():
    with recorded() as runs:
        sync_people(club_with_a_bad_address)
    (run,) = runs
    assert run.outcome is Outcome.PARTIAL
    assert run.steps[2].errors == [ItemError("ABCD12X", "Email: invalid address")]
"""

import weakref
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from otel_sqlite import mapping
from otel_sqlite.model import ItemError, Outcome, RunRecord
from otel_sqlite.provider import unlimited_provider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_sqlite.model import ErrorRecord, SpanRecords, StepRecord


@dataclass(slots=True, kw_only=True)
class RecordedStep:
    """A step that ended; counts as on the dashboard."""

    name: str
    outcome: Outcome
    created: int
    updated: int
    skipped: int
    failed: int
    errors: list[ItemError]
    detail: str | None
    skip_reason: str | None


@dataclass(slots=True, kw_only=True)
class RecordedRun:
    """A run that ended, with its steps in the order in which they began.

    Attributes:
        errors: What failed outside any step.
        summary: JSON text.
    """

    pipeline: str
    outcome: Outcome
    end_reason: str
    summary: str | None
    errors: list[ItemError]
    steps: list[RecordedStep] = field(default_factory=list)


@contextmanager
def recorded() -> "Iterator[list[RecordedRun]]":
    """Collect the runs that end inside the block; the list is filled when the block is left.

    It works beside ``configure`` and without it; no database is involved.
    """
    runs: list[RecordedRun] = []
    spans: list[SpanRecords] = []
    collectors = _collectors_of_the_global_provider()
    collectors.append(spans)
    try:
        yield runs
    finally:
        collectors[:] = [other for other in collectors if other is not spans]
        runs += _runs(spans)


class _Recorder(SpanProcessor):
    """Hands every run and step that ends to whoever is collecting."""

    def __init__(self) -> None:
        self.collectors: list[list[SpanRecords]] = []

    def on_end(self, span: ReadableSpan) -> None:
        records = mapping.to_records(span)
        if records is not None:
            for spans in self.collectors:
                spans.append(records)


_recorders: "weakref.WeakKeyDictionary[TracerProvider, _Recorder]" = weakref.WeakKeyDictionary()


def _collectors_of_the_global_provider() -> "list[list[SpanRecords]]":
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(unlimited_provider())
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        raise TypeError(f"recorded() needs the SDK's TracerProvider, the global one is {type(provider).__name__}")
    if provider not in _recorders:
        _recorders[provider] = _Recorder()
        provider.add_span_processor(_recorders[provider])
    return _recorders[provider].collectors


def _runs(spans: "list[SpanRecords]") -> "list[RecordedRun]":
    runs = {
        records.span.run_uid: RecordedRun(
            pipeline=records.span.pipeline,
            outcome=Outcome(records.span.outcome),
            end_reason=records.span.end_reason or "",
            summary=records.span.summary,
            errors=_item_errors(records.errors),
        )
        for records in spans
        if isinstance(records.span, RunRecord)
    }
    for records in sorted(spans, key=lambda records: records.span.started_ns):
        step = records.span
        if not isinstance(step, RunRecord) and (run := runs.get(step.run_uid or "")) is not None:
            run.steps.append(_step(step, records.errors))
    return list(runs.values())


def _step(step: "StepRecord", errors: "list[ErrorRecord]") -> RecordedStep:
    return RecordedStep(
        name=step.name,
        outcome=Outcome(step.outcome or Outcome.RUNNING),
        created=step.created,
        updated=step.updated,
        skipped=step.skipped,
        failed=step.failed,
        errors=_item_errors(errors),
        detail=step.detail,
        skip_reason=step.skip_reason,
    )


def _item_errors(errors: "list[ErrorRecord]") -> list[ItemError]:
    return [ItemError(error.item_id, error.message, error.stack) for error in errors]
