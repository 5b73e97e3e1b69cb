"""configure(): from settings to a TracerProvider with the dashboard and, where an endpoint is set, OTLP. The composition root."""

import atexit
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import AlwaysRecordSampler

from otel_sqlite.errors import MissingExtraError
from otel_sqlite.processor import DashboardSpanProcessor
from otel_sqlite.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_logger = logging.getLogger(__name__)

_lock = threading.Lock()
_configured: DashboardSpanProcessor | None = None

_FOREIGN_LIMITS: Final = (
    "a TracerProvider exists already: the dashboard was added to it, but its sampler and its span limits stay as they are "
    "(unsampled runs are not seen, and more than OTEL_SPAN_EVENT_COUNT_LIMIT item errors a step are not kept)"
)


def configure(path: str | os.PathLike[str] | None = None) -> None:
    """Record runs and steps in the dashboard database, and send spans to a collector when OTEL_EXPORTER_OTLP_ENDPOINT is set.

    Call it once, first thing in ``main``; a second call changes nothing. Where the application already has an OpenTelemetry
    TracerProvider, the dashboard joins it. Never raises, unless OTEL_SQLITE_STRICT is set.

    Args:
        path: The dashboard database; OTEL_SQLITE_PATH, else ``data/dashboard.sqlite``, by default. It is created when needed.
    """
    global _configured  # noqa: PLW0603 - one process has one global provider
    settings = Settings.from_env(path)
    with _lock:
        if _configured is not None:
            if path is not None and _configured.path != settings.path:
                _logger.warning("configure() was called before: runs go on being recorded in %s", _configured.path)
            return
        try:
            _configured = _attach(settings)
        except Exception:  # whatever is wrong with the environment, it is not worth a pipeline
            if settings.strict:
                raise
            _logger.warning("tracking could not be set up, the pipeline goes on untracked", exc_info=True)


def _attach(settings: Settings) -> DashboardSpanProcessor | None:
    existing = trace.get_tracer_provider()
    dashboard = DashboardSpanProcessor(settings.path)
    if isinstance(existing, trace.ProxyTracerProvider):
        provider = unlimited_provider()
        provider.add_span_processor(dashboard)
        if settings.otlp and (exporter := _otlp_exporter()) is not None:
            provider.add_span_processor(BatchSpanProcessor(exporter))
        trace.set_tracer_provider(provider)
        atexit.register(_shut_down, provider, dashboard, settings.exit_timeout_s)
        return dashboard
    if isinstance(existing, TracerProvider):
        existing.add_span_processor(dashboard)
        if not isinstance(existing.sampler, AlwaysRecordSampler):
            _logger.warning(_FOREIGN_LIMITS)
        return dashboard
    _logger.warning(
        "the TracerProvider %s takes no span processor: runs are not recorded (call configure() before it is set)",
        type(existing).__name__,
    )
    return None


def unlimited_provider() -> TracerProvider:
    """A provider whose processors see every span whole: nothing is sampled away from them, and no limit drops an event.

    What the user's sampler (OTEL_TRACES_SAMPLER) turns down is still not exported. Its owner shuts it down.
    """
    no_limit = SpanLimits.UNSET
    limits = SpanLimits(
        max_attributes=no_limit,
        max_events=no_limit,
        max_links=no_limit,
        max_span_attributes=no_limit,
        max_event_attributes=no_limit,
        max_link_attributes=no_limit,
        max_attribute_length=no_limit,
        max_span_attribute_length=no_limit,
    )
    provider = TracerProvider(span_limits=limits, shutdown_on_exit=False)
    provider.sampler = AlwaysRecordSampler(provider.sampler)
    return provider


def _otlp_exporter() -> "SpanExporter | None":
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
    except ImportError:
        _logger.warning("%s (nothing is sent to the collector)", MissingExtraError("OTEL_EXPORTER_OTLP_ENDPOINT", "otlp"))
        return None
    return OTLPSpanExporter()


def _shut_down(provider: TracerProvider, dashboard: DashboardSpanProcessor, timeout_s: float) -> None:
    """At exit: first the dashboard, then what the collector still gets in the rest of the time."""
    deadline = time.monotonic() + timeout_s
    dashboard.shutdown()
    others = threading.Thread(target=provider.shutdown, name="otel_sqlite shutdown", daemon=True)
    others.start()
    others.join(max(deadline - time.monotonic(), 0))
