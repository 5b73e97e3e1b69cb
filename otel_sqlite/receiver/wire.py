"""The bytes of OTLP: bodies in, decoded spans out, answers in the encoding of the request.

Source: OTLP specification 1.11; in JSON, ids are hexadecimal where protobuf's own JSON has base64.
"""

import base64
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, Final, NamedTuple

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status as ErrorStatus
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.trace import SpanContext, Status, StatusCode

from otel_sqlite import clean
from otel_sqlite.errors import OtelSqliteError
from otel_sqlite.mapping import DecodedEvent, DecodedSpan, Described, Named, is_ours
from otel_sqlite.receiver.dialects import Utterance, official
from otel_sqlite.receiver.pieces import has_more_messages

_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8
_LAST_NS: Final = 2**63 - 1
_STATUS: Final = {trace_pb2.Status.STATUS_CODE_OK: StatusCode.OK, trace_pb2.Status.STATUS_CODE_ERROR: StatusCode.ERROR}
_PROBLEM_LIMIT: Final = 300
_TOO_LARGE: Final[Mapping[str, object]] = {}  # stands for a resource with too many attributes
_STRUCTURE_BYTES: Final = 1_000_000  # no summary is larger
_GZIP: Final = 16 + zlib.MAX_WBITS  # zlib's way to say that only gzip is understood


class Encoding(StrEnum):
    """The encodings of OTLP/HTTP, as content types."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


class UndecodableError(OtelSqliteError):
    """A body is not what its headers say."""


class TooLargeError(OtelSqliteError):
    """A body is larger than is taken."""

    def __init__(self, limit: int, unit: str = "bytes") -> None:
        super().__init__(f"the body has more than {limit} {unit}: send fewer spans at once")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may hold.

    Attributes:
        body_bytes: After decompression, and before.
        spans: What comes after that many is rejected.
        attributes: A span with more of them, or an event of it, or its resource, is rejected.
        events: A span with more of them is rejected.
        objects: Messages, or JSON objects and lists, in all: they take long to read and much memory; a span of a step has about
            twenty.
    """

    body_bytes: int = 64 * 1024 * 1024
    spans: int = 20_000
    attributes: int = 1_000
    events: int = 100_000
    objects: int = 1_000_000


class Decoded(NamedTuple):
    """What a request holds: spans that may be runs or steps, and how many spans were rejected for which reason."""

    spans: list[DecodedSpan]
    rejected: Counter[str]


def decode(body: bytes, encoding: Encoding, limits: Limits) -> Decoded:
    """The spans of a request; those that are neither run nor step are left out.

    Raises:
        UndecodableError: The body is not an export request in this encoding.
        TooLargeError: It is made of too many pieces.
    """
    request = _request(body, encoding, limits)
    rejected: Counter[str] = Counter()
    over = _count(request, limits) - limits.spans
    if over > 0:
        rejected[f"over the limit of {limits.spans} spans a request"] = over
    spans = []
    for resource, scope, span in islice(_flat(request, limits), limits.spans):
        if (problem := _problem(span, resource, limits)) is not None:
            rejected[problem] += 1
        elif (decoded := _span(span, resource, scope)) is not None:
            spans.append(decoded)
    return Decoded(spans, rejected)


def inflate(body: bytes, limit: int) -> bytes:
    """The content of one gzip stream; never more than the limit is in memory.

    Raises:
        UndecodableError: It is no gzip, or is cut off, or something follows it.
        TooLargeError: It is larger than the limit.
    """
    stream = zlib.decompressobj(_GZIP)
    try:
        content = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise UndecodableError(f"the body is not gzip: {error}") from error
    if len(content) > limit:
        raise TooLargeError(limit)
    if not stream.eof:
        raise UndecodableError("the gzip stream is cut off")
    if stream.unused_data:
        raise UndecodableError("something follows the gzip stream")
    return content


def response(encoding: Encoding, rejected: Mapping[str, int]) -> bytes:
    """What is answered when all that was not rejected is stored."""
    message = "; ".join(f"{number} {problem}" for problem, number in rejected.items())
    count = sum(rejected.values())
    if encoding is Encoding.JSON:
        return json.dumps({"partialSuccess": {"rejectedSpans": str(count), "errorMessage": message}} if count else {}).encode()
    answer = ExportTraceServiceResponse()
    if count:
        answer.partial_success.rejected_spans = count
        answer.partial_success.error_message = message
    encoded: bytes = answer.SerializeToString()
    return encoded


def error_status(encoding: Encoding, code: int, message: str) -> bytes:
    """A google.rpc.Status, which tells a client what was wrong."""
    if encoding is Encoding.JSON:
        return json.dumps({"code": code, "message": message}).encode()
    encoded: bytes = ErrorStatus(code=code, message=message).SerializeToString()
    return encoded


def _request(body: bytes, encoding: Encoding, limits: Limits) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    if _has_more_objects(body, encoding, limits.objects):
        raise TooLargeError(limits.objects, "objects")
    try:
        if encoding is Encoding.PROTOBUF:
            request.ParseFromString(body)
        else:
            ParseDict(_with_base64_ids(_document(body)), request, ignore_unknown_fields=True)
    except (DecodeError, ParseError, ValueError, RecursionError) as error:
        problem = clean.text(error, _PROBLEM_LIMIT)
        raise UndecodableError(f"the body is not an export request in {encoding.value}: {problem}") from error
    return request


def _has_more_objects(body: bytes, encoding: Encoding, limit: int) -> bool:
    if encoding is Encoding.PROTOBUF:
        return has_more_messages(body, limit)
    return body.count(b"{") + body.count(b"[") > limit


def _document(body: bytes) -> dict[str, Any]:
    text = body.decode()
    if "\\ud" in text.lower():  # half a character, which protobuf refuses, or fails on where a name is expected
        parsed = json.dumps(json.loads(text), ensure_ascii=False)
        text = parsed.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    document = json.loads(text, parse_constant=_refuse)
    if not isinstance(document, dict):
        raise UndecodableError("the body is not a JSON object")
    return document


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _with_base64_ids(document: dict[str, Any]) -> dict[str, Any]:
    """The document with ids as protobuf reads them, and without links, which are not read."""
    for resource_spans in _objects(document, "resourceSpans", "resource_spans"):
        for scope_spans in _objects(resource_spans, "scopeSpans", "scope_spans"):
            for span in _objects(scope_spans, "spans"):
                span.pop("links", None)
                for name in ("traceId", "trace_id", "spanId", "span_id", "parentSpanId", "parent_span_id"):
                    if isinstance(span.get(name), str):
                        span[name] = _base64(span[name])
    return document


def _objects(parent: dict[str, Any], *names: str) -> Iterator[dict[str, Any]]:
    for name in names:
        children = parent.get(name)
        if isinstance(children, list):
            yield from (child for child in children if isinstance(child, dict))


def _base64(text: str) -> str:
    """The id in base64; what is no hexadecimal becomes an id that is not valid, so that only its span is rejected."""
    try:
        return base64.b64encode(bytes.fromhex(text)).decode()
    except ValueError:
        return ""


def _count(request: ExportTraceServiceRequest, limits: Limits) -> int:
    """How many spans there are. Pieces are counted before they are looked at: looking takes a hundred bytes for each."""
    groups = request.resource_spans
    if len(groups) > limits.spans or sum(len(group.scope_spans) for group in groups) > limits.spans:
        raise TooLargeError(limits.spans, "groups of spans")
    return sum(len(scope_spans.spans) for group in groups for scope_spans in group.scope_spans)


def _flat(request: ExportTraceServiceRequest, limits: Limits) -> Iterator[tuple[Mapping[str, object], str, trace_pb2.Span]]:
    """Every span with its resource and the name of its scope."""
    for resource_spans in request.resource_spans:
        pairs = resource_spans.resource.attributes
        resource = _attributes(pairs) if len(pairs) <= limits.attributes else _TOO_LARGE
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield resource, scope_spans.scope.name, span


def _problem(span: trace_pb2.Span, resource: Mapping[str, object], limits: Limits) -> str | None:
    """Why a span is rejected; None when it is not."""
    if (
        len(span.trace_id) != _TRACE_ID_BYTES
        or len(span.span_id) != _SPAN_ID_BYTES
        or not any(span.trace_id)
        or not any(span.span_id)
    ):
        return "without a valid trace id and span id"
    if len(span.events) > limits.events:
        return f"with more than {limits.events} events"
    if (
        resource is _TOO_LARGE
        or max(len(span.attributes), *(len(event.attributes) for event in span.events), 0) > limits.attributes
    ):
        return f"with more than {limits.attributes} attributes"
    return None


def _span(span: trace_pb2.Span, resource: Mapping[str, object], scope: str) -> DecodedSpan | None:
    status = _STATUS.get(span.status.code, StatusCode.UNSET)
    has_parent = len(span.parent_span_id) == _SPAN_ID_BYTES and any(span.parent_span_id)
    attributes = official(Utterance(span.name, has_parent, status, _attributes(span.attributes), resource))
    if not is_ours(attributes):
        return None
    started_ns, ended_ns = _times(span)
    return DecodedSpan(
        context=_context(span.trace_id, span.span_id),
        parent=_context(span.trace_id, span.parent_span_id) if has_parent else None,
        resource=Described(resource),
        instrumentation_scope=Named(scope),
        attributes=attributes,
        events=[DecodedEvent(event.name, event.time_unix_nano, _attributes(event.attributes)) for event in span.events],
        dropped_events=span.dropped_events_count,
        status=Status(status),
        start_time=started_ns,
        end_time=ended_ns,
    )


def _context(trace_id: bytes, span_id: bytes) -> SpanContext:
    return SpanContext(int.from_bytes(trace_id), int.from_bytes(span_id), is_remote=True)


def _times(span: trace_pb2.Span) -> tuple[int, int | None]:
    """Start and end; None: not ended. Go's zero time, for a step that never began, is a number beyond all times."""
    started_ns, ended_ns = span.start_time_unix_nano, span.end_time_unix_nano
    if started_ns > _LAST_NS:
        started_ns = ended_ns if ended_ns <= _LAST_NS else 0
    if ended_ns > _LAST_NS:
        return started_ns, started_ns
    return started_ns, ended_ns or None


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, object]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> object:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value" | "kvlist_value" if value.ByteSize() > _STRUCTURE_BYTES:
            return f"<{value.ByteSize()} bytes of structure>"
        case "array_value":
            return tuple(_value(item) for item in value.array_value.values)
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case kind:
            return getattr(value, kind)
