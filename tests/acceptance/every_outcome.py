"""Pipelines that end in every way that is known, so that the same spans can be recorded by several roads and be compared."""

import asyncio
import sys
from contextlib import suppress

from otel_sqlite import ItemError, run, semconv


def success(provider):
    with run("people", tracer_provider=provider) as r:
        with r.step("sportlink-download") as step:
            step.count(created=3, updated=2, skipped=1)
            step.detail({"pages": 4, "été": None})
        r.summarize({"total": 6})


def partial(provider):
    with run("nikki", tracer_provider=provider) as r, r.step("laposta-submit") as step:
        step.item_error(ItemError("ABC", "Email: invalid address é\ud800", "Traceback\n  line 1"))
        step.item_error(ValueError("refused"), item_id="DEF")
        step.count(failed=2)


def failure(provider):
    with suppress(ConnectionError), run("teams", tracer_provider=provider) as r, r.step("download"):
        raise ConnectionError("refused")


def skipped(provider):
    with run("functions", tracer_provider=provider) as r, r.step("photos") as step:
        step.skip("none pending")


def nested(provider):
    with run("all", tracer_provider=provider) as r, r.step("discipline"):
        failure(provider)


def many_item_errors(provider):
    with run("freescout", tracer_provider=provider) as r, r.step("cases") as step:
        for number in range(300):  # more than the SDK's limit of events
            step.item_error(ItemError(f"case-{number}", "refused"))


def cancelled(provider):
    async def pipeline():
        with run("discipline", tracer_provider=provider) as r, r.step("wait"):
            asyncio.current_task().cancel()
            await asyncio.sleep(0)

    with suppress(asyncio.CancelledError):
        asyncio.run(pipeline())


def exits(provider):
    for code in (0, 3):
        with suppress(SystemExit), run(f"exit-{code}", tracer_provider=provider) as r, r.step("work"):
            sys.exit(code)


def spans_alone(provider):
    """A pipeline that knows nothing but OpenTelemetry and the names."""
    tracer = provider.get_tracer("theirs")
    with (
        tracer.start_as_current_span("RUN plain", attributes={semconv.PIPELINE_NAME: "plain"}) as outer,
        suppress(ValueError),
        tracer.start_as_current_span("work", attributes={semconv.STEP_NAME: "work", semconv.FAILED: 1}),
    ):
        outer.set_attribute(semconv.SUMMARY, '{"a": 1}')
        with tracer.start_as_current_span("GET /people"):
            raise ValueError("refused")


PIPELINES = [success, partial, failure, skipped, nested, many_item_errors, cancelled, exits, spans_alone]
