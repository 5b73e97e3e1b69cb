"""What of a span leaves the machine: names, numbers and outcomes; of a member nothing but a keyed hash.

An allow list, because no pattern finds a member's name in a text: what is not named here stays. So exception messages, stacks,
status texts, details, summaries, paths and queries of addresses, statements, events of other kinds, the attributes of links and
the trace state never leave. The span itself is not changed: others, the dashboard before all, see it whole.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status

from otel_sqlite import clean, semconv
from otel_sqlite.model import EndReason, Outcome

if TYPE_CHECKING:
    from opentelemetry.util.types import Attributes

_Value = str | bool | int | float


class _Form(Enum):
    """In which form a value leaves; one that does not fit its form stays."""

    NUMBER = auto()
    WORD = auto()  # one of a closed set
    TYPE = auto()  # the name of a class
    NAME = auto()  # given in code or settings; what looks personal in it is masked
    RANDOM_ID = auto()  # as it is when it is random for certain, else hashed
    ITEM_ID = auto()  # hashed
    ORIGIN = auto()  # an address without user, path and query
    HOST = auto()


_ON_SPANS: Final = {
    semconv.PIPELINE_NAME: _Form.NAME,
    semconv.RUN_ID: _Form.RANDOM_ID,
    semconv.RUN_STATE: _Form.WORD,
    semconv.RUN_RESULT: _Form.WORD,
    semconv.STEP_NAME: _Form.NAME,
    semconv.STEP_ID: _Form.RANDOM_ID,
    semconv.STEP_RESULT: _Form.WORD,
    semconv.ERROR_TYPE: _Form.TYPE,
    semconv.OUTCOME: _Form.WORD,
    semconv.CREATED: _Form.NUMBER,
    semconv.UPDATED: _Form.NUMBER,
    semconv.SKIPPED: _Form.NUMBER,
    semconv.FAILED: _Form.NUMBER,
    semconv.UNRECORDED: _Form.NUMBER,
    semconv.END_REASON: _Form.WORD,
    semconv.DURATION_MS: _Form.NUMBER,
    semconv.PARENT_RUN_ID: _Form.RANDOM_ID,
    **dict.fromkeys(semconv.HTTP_METHODS, _Form.WORD),
    **dict.fromkeys(semconv.HTTP_STATUS_CODES, _Form.NUMBER),
    **dict.fromkeys(semconv.ADDRESSES, _Form.ORIGIN),
    **dict.fromkeys(semconv.PORTS, _Form.NUMBER),
    **dict.fromkeys(semconv.HOSTS, _Form.HOST),
}
_ON_EVENTS: Final = {semconv.EXCEPTION_TYPE: _Form.TYPE, semconv.ITEM_ID: _Form.ITEM_ID}
_ON_RESOURCES: Final = {
    **dict.fromkeys(semconv.SERVICE_NAMES, _Form.NAME),
    semconv.SERVICE_INSTANCE_ID: _Form.RANDOM_ID,
    semconv.HOST_NAME: _Form.HOST,
    semconv.PROCESS_ID: _Form.NUMBER,
}

_MASK: Final = "[...]"
_NAME_LIMIT: Final = 200
_LARGEST: Final = 2**63 - 1  # of OTLP, whose encoder fails on more, and with it the whole batch
_PERSONAL: Final = re.compile(
    r"""
    \S* (?:@|%40) \S*                                     # an e-mail address
    | (?:\+|\b00)? (?:\d [\s().\-/]{0,3} ){8,} \d         # a phone number: nine digits or more
    | [a-z]{4}\d{2}[a-z]                                  # a member's id with the football union
    """,
    re.VERBOSE | re.IGNORECASE,
)
_WORDS: Final = frozenset(
    (
        *Outcome,
        *EndReason,
        semconv.STATE_EXECUTING,
        semconv.RESULT_CANCELLATION,
        semconv.RESULT_SKIP,
        semconv.RESULT_ERROR,
        semconv.RESULT_TIMEOUT,
        *semconv.METHOD_WORDS,
    )
)
_OFFICIAL_SCHEMA: Final = re.compile(r"https://opentelemetry\.io/schemas/[0-9]{1,3}(\.[0-9]{1,3}){2}")
_TYPE: Final = re.compile(r"[\w.<>-]+")
_RANDOM: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HOST: Final = re.compile(r"[a-z0-9.-]+(:\d{1,5})?", re.IGNORECASE)


class PrivateSpanExporter(SpanExporter):
    """Gives another exporter copies of spans that say nothing of a member.

    Args:
        exporter: The one that sends them.
        hash_key: The key of the HMAC-SHA256 that identifiers become; without it they are left out.
    """

    def __init__(self, exporter: SpanExporter, hash_key: bytes | None = None) -> None:
        self._exporter = exporter
        self._hash_key = hash_key

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send copies of the spans."""
        return self._exporter.export([redacted(span, self._hash_key) for span in spans])

    def shutdown(self) -> None:
        """Shut the other exporter down."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the other exporter."""
        return self._exporter.force_flush(timeout_millis)


def redacted(span: ReadableSpan, hash_key: bytes | None) -> ReadableSpan:
    """A copy of the span with what may leave the machine."""
    attributes = _allowed(span.attributes, _ON_SPANS, hash_key)
    scope = _scope(span.instrumentation_scope)
    return ReadableSpan(
        name=_name(attributes, scope),
        context=_bare(span.context),
        parent=_bare(span.parent),
        resource=Resource(_allowed(span.resource.attributes, _ON_RESOURCES, hash_key), _schema(span.resource.schema_url)),
        attributes=attributes,
        events=[_event(event, hash_key) for event in span.events if event.name == semconv.EXCEPTION_EVENT],
        links=[Link(context) for link in span.links if (context := _bare(link.context))],
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=scope,
    )


def masked(name: str) -> str:
    """The name without what looks like an e-mail address, a phone number or a member's id."""
    return clean.text(_PERSONAL.sub(_MASK, name)) if len(name) <= _NAME_LIMIT else _MASK


def _name(attributes: Mapping[str, _Value], scope: InstrumentationScope | None) -> str:
    """A name made of what may leave: only by custom has the name of a span of others nothing of a member."""
    if semconv.STEP_NAME in attributes:
        return str(attributes[semconv.STEP_NAME])
    if semconv.PIPELINE_NAME in attributes:
        return f"RUN {attributes[semconv.PIPELINE_NAME]}"
    methods = (str(attributes[key]) for key in semconv.HTTP_METHODS if key in attributes)
    return next(methods, scope.name if scope else "span")


def _event(event: Event, hash_key: bytes | None) -> Event:
    return Event(event.name, _allowed(event.attributes, _ON_EVENTS, hash_key), event.timestamp)


def _scope(scope: InstrumentationScope | None) -> InstrumentationScope | None:
    return scope and InstrumentationScope(masked(scope.name), masked(scope.version or ""), _schema(scope.schema_url))


def _schema(url: str | None) -> str:
    return url if url and _OFFICIAL_SCHEMA.fullmatch(url) else ""


def _bare(context: SpanContext | None) -> SpanContext | None:
    """The context without its trace state, which the calling process filled."""
    return context and SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)


def _allowed(attributes: "Attributes", forms: Mapping[str, _Form], hash_key: bytes | None) -> dict[str, _Value]:
    formed = ((key, _formed(value, forms[key], hash_key)) for key, value in (attributes or {}).items() if key in forms)
    return {key: value for key, value in formed if value is not None}


def _formed(value: object, form: _Form, hash_key: bytes | None) -> _Value | None:  # noqa: PLR0911 - one return a form
    if form is _Form.NUMBER:
        return value if isinstance(value, float) or (isinstance(value, int) and abs(value) <= _LARGEST) else None
    text = clean.text(value)
    match form:
        case _Form.NAME:
            return masked(text)
        case _Form.TYPE:
            return masked(text) if _TYPE.fullmatch(text) else None
        case _Form.WORD:
            return text if text in _WORDS else None
        case _Form.HOST:
            return text if _is_host(text) else None
        case _Form.ORIGIN:
            return _origin(text)
        case _Form.RANDOM_ID if _RANDOM.fullmatch(text):
            return text
        case _:
            return _hash(text, hash_key)


def _is_host(text: str) -> bool:
    try:
        return bool(ip_address(text)) and "%" not in text  # the name of an interface follows it, or any text
    except ValueError:
        return bool(_HOST.fullmatch(text)) and masked(text) == text


def _origin(address: str) -> str | None:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not _is_host(host):
        return None
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


def _hash(text: str, key: bytes | None) -> str | None:
    return hmac.digest(key, text.encode(), "sha256").hex() if key else None
