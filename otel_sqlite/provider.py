"""From settings to a TracerProvider with the dashboard and, where an endpoint is set, OTLP. The composition root."""

import atexit
import logging
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, SynchronousMultiSpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import AlwaysRecordSampler, Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from otel_sqlite.errors import MissingExtraError
from otel_sqlite.instrument import Harmless
from otel_sqlite.processor import DashboardSpanProcessor
from otel_sqlite.settings import Sending, Settings, is_strict, leaves_unscrubbed

if TYPE_CHECKING:
    from opentelemetry.context import Context

_logger = logging.getLogger(__name__)

_FOREIGN_LIMITS: Final = (
    "a TracerProvider exists already: the dashboard was added to it, but its sampler and its span limits stay as they are "
    "(unsampled runs are not seen, and more than OTEL_SPAN_EVENT_COUNT_LIMIT item errors a step are not kept)"
)
_UNSCRUBBED: Final = (
    "OTEL_SQLITE_PRIVACY does not reach the OTLP exporter of a TracerProvider that exists already: spans that it exports "
    "leave as they are: wrap its exporter in otel_sqlite.privacy.PrivateSpanExporter, or let configure() make the provider "
    "(OTEL_SQLITE_PRIVACY=off: they may)"
)
_TURN_NOTHING_DOWN: Final = ("AlwaysOnSampler", "ParentBased{root:AlwaysOnSampler")  # but what a calling trace has turned down


class _WholeSpanSampler(AlwaysRecordSampler):
    """Lets processors see every span, and with what identifies it: a span that was turned down has lost its attributes."""

    def should_sample(  # noqa: PLR0913, PLR0917 - the SDK's signature
        self,
        parent_context: "Context | None",
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        result = super().should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        if result.decision is Decision.RECORD_ONLY:
            return SamplingResult(result.decision, {**(attributes or {}), **result.attributes}, result.trace_state)
        return result


class _Processors(SynchronousMultiSpanProcessor):
    """Keeps a processor that fails away from the pipeline, and from the processors after it: the SDK does neither."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the SDK left it without annotations
        self._harmless = Harmless()

    def on_start(self, span: Span, parent_context: "Context | None" = None) -> None:
        for processor in self._span_processors:
            with self._harmless:
                processor.on_start(span, parent_context=parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        for processor in self._span_processors:
            with self._harmless:
                processor.on_end(span)


def attach(settings: Settings) -> DashboardSpanProcessor | None:
    """Let the dashboard see the spans of this process, by the provider that is set or by ours; None if that one cannot."""
    existing = trace.get_tracer_provider()
    return _provide(settings) if isinstance(existing, trace.ProxyTracerProvider) else join(existing, settings)


def join(existing: trace.TracerProvider, settings: Settings, *, is_asked_for: bool = True) -> DashboardSpanProcessor | None:
    """Add the dashboard to a provider of others, and say what it cannot change there; None if it takes no processor.

    Args:
        existing: The provider.
        settings: Those of the dashboard.
        is_asked_for: Whether the program has asked for it; else a sampler that turns nothing down by itself is worth no line.
    """
    take = getattr(existing, "add_span_processor", None)
    if take is None:
        _logger.warning(
            "the TracerProvider %s takes no span processor: runs are not recorded (call configure() before it is set)",
            type(existing).__name__,
        )
        return None
    dashboard = DashboardSpanProcessor(settings.path)
    take(dashboard)
    # Before the provider's own exit, which may wait long for a collector, or not come at all.
    atexit.register(dashboard.shutdown)
    if leaves_unscrubbed():
        _logger.warning(_UNSCRUBBED)
    sampler = getattr(existing, "sampler", None)
    if not isinstance(sampler, _WholeSpanSampler):
        is_harmless = isinstance(sampler, Sampler) and sampler.get_description().startswith(_TURN_NOTHING_DOWN)
        _logger.log(logging.INFO if is_harmless and not is_asked_for else logging.WARNING, _FOREIGN_LIMITS)
    return dashboard


def _provide(settings: Settings) -> DashboardSpanProcessor:
    """Set the global provider: the dashboard first, so that no other processor can come between it and a span."""
    provider = unlimited_provider()
    dashboard = DashboardSpanProcessor(settings.path)
    provider.add_span_processor(dashboard)
    if settings.otlp and (otlp := _otlp_processor()) is not None:
        provider.add_span_processor(otlp)
    trace.set_tracer_provider(provider)
    atexit.register(_shut_down, provider, dashboard, settings.exit_timeout_s)
    return dashboard


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
    provider = TracerProvider(span_limits=limits, shutdown_on_exit=False, active_span_processor=_Processors())
    provider.sampler = _WholeSpanSampler(provider.sampler)
    return provider


def _otlp_processor() -> SpanProcessor | None:
    try:
        return BatchSpanProcessor(_otlp_exporter(Sending.from_env()))
    except MissingExtraError as error:
        _logger.warning("%s (nothing is sent to the collector)", error)
    except Exception as error:  # both read the environment, and refuse what makes no sense there
        if is_strict():
            raise
        _logger.warning("nothing is sent to the collector, correct the OTEL_EXPORTER_OTLP_* and OTEL_BSP_* settings: %s", error)
    return None


def _otlp_exporter(sending: Sending) -> SpanExporter:
    exporter = _grpc_exporter() if sending.protocol == "grpc" else _http_exporter()
    if not sending.is_private:
        return exporter
    from otel_sqlite.privacy import PrivateSpanExporter  # noqa: PLC0415 - OpenSSL, which nobody needs who sends nothing

    return PrivateSpanExporter(exporter, sending.hash_key)


def _http_exporter() -> SpanExporter:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("OTEL_EXPORTER_OTLP_ENDPOINT", "otlp") from error
    return OTLPSpanExporter()


def _grpc_exporter() -> SpanExporter:
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "otlp-grpc") from error
    return OTLPSpanExporter()


def _shut_down(provider: TracerProvider, dashboard: DashboardSpanProcessor, timeout_s: float) -> None:
    """At exit: first the dashboard, then what the collector still gets in the rest of the time."""
    deadline = time.monotonic() + timeout_s
    dashboard.shutdown()
    others = threading.Thread(target=provider.shutdown, name="otel_sqlite shutdown", daemon=True)
    try:
        others.start()
    except RuntimeError:  # the system has no thread to give, and without one nobody would keep to the time
        return
    others.join(max(deadline - time.monotonic(), 0))
