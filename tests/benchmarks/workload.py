"""The pipeline that the benchmarks run: a run with seven steps, and item errors on one of them."""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sqlite import ItemError, run
from otel_sqlite.provider import unlimited_provider

STEPS = ("download", "prepare", "submit", "sync", "photo-download", "photo-upload", "reverse-sync")
FAILED = 50
BATCH_SPANS = 512
RUNS_A_BATCH = BATCH_SPANS // (1 + len(STEPS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a step hands to ``Step.record``."""

    created: int = 3
    updated: int = 12
    skipped: int = 1_004
    failed: int = 0
    errors: Sequence[ItemError] = ()


def results(failed: int) -> list[Result]:
    """What the seven steps of a run report, when this many items fail."""
    stack = _stack_of_three_frames()
    errors = [ItemError(f"TEST{n:03d}", f"Email: invalid address (item {n})", stack) for n in range(failed)]
    return [Result(failed=failed, errors=errors), *[Result()] * (len(STEPS) - 1)]


def run_pipeline(provider: TracerProvider, reported: Sequence[Result]) -> None:
    """One run, as a pipeline has it recorded."""
    with run("people", tracer_provider=provider) as tracker:
        for name, result in zip(STEPS, reported, strict=True):
            with tracker.step(name) as step:
                step.record(result)


def batches(number: int, failed: int) -> list[Sequence[ReadableSpan]]:
    """Batches of finished spans, each of as many runs as a BatchSpanProcessor exports at once."""
    exporter, reported = InMemorySpanExporter(), results(failed)
    provider = unlimited_provider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    made: list[Sequence[ReadableSpan]] = []
    for _ in range(number):
        for _ in range(RUNS_A_BATCH):
            run_pipeline(provider, reported)
        made.append(exporter.get_finished_spans())
        exporter.clear()
    return made


def _stack_of_three_frames() -> str:
    def submit() -> None:
        int("no number")

    try:
        submit()
    except ValueError as error:
        return "".join(traceback.format_exception(error))
    raise AssertionError
