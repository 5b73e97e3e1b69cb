"""How the trace goes on from one process to another: through the environment, as W3C trace context."""

from typing import TYPE_CHECKING, Final

from opentelemetry import context, trace

from otel_sqlite import settings

if TYPE_CHECKING:
    from opentelemetry.context import Context

_RUN_KEY: Final = "otel_sqlite.run_id"


def trace_environment() -> dict[str, str]:
    """The variables that make the runs of a child process part of the run or step around the caller; empty outside of any.

    To be given to the child: ``subprocess.run(..., env={**os.environ, **trace_environment()})``. They hold random ids alone.
    """
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415 - slow, seldom needed

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    if not carrier:
        return {}
    # All of them, always: what the caller's own caller said of itself is not for the child.
    return {
        "TRACEPARENT": carrier["traceparent"],
        "TRACESTATE": carrier.get("tracestate", ""),
        settings.PARENT_RUN_ID: run_around(context.get_current()) or "",
    }


def surroundings() -> "Context":
    """The context around the caller; where there is none, the one that a calling process left in the environment."""
    ambient = context.get_current()
    if trace.get_current_span(ambient).get_span_context().is_valid or not (carrier := settings.trace_carrier()):
        return ambient
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415 - slow, seldom needed

    extracted = TraceContextTextMapPropagator().extract(carrier, ambient)
    run_id = settings.calling_run_id()
    is_called = trace.get_current_span(extracted).get_span_context().is_valid
    return inside_run(extracted, run_id) if is_called and run_id else extracted


def run_around(ambient: "Context") -> str | None:
    """The id of the run that the context is in."""
    run_id = context.get_value(_RUN_KEY, ambient)
    return None if run_id is None else str(run_id)


def inside_run(ambient: "Context", run_id: str) -> "Context":
    """The context, in that run."""
    return context.set_value(_RUN_KEY, run_id, ambient)
