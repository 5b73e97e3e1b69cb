import hashlib
import hmac
import re
from itertools import product

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otel_sqlite import semconv
from tests.collector.machines import KEY, post, until

CANARY = "canary of a member"
RUN, STEP, OTHER, LINKED = (number.to_bytes(8) for number in (1, 2, 3, 4))
_LEAVES = {  # what a message would be without text
    "trace_id": bytes(15) + b"\1",
    "span_id": RUN,
    "parent_span_id": RUN,
}


def filled(message, depth=0):
    """The message with a canary in every text, and one of everything that may be there more than once."""
    for field in message.DESCRIPTOR.fields:
        if field.containing_oneof is not None and field.name != "string_value":
            continue
        one = _filled_one(message, field, depth)
        if one is None:
            continue
        if field.is_repeated:
            getattr(message, field.name).append(one)
        elif field.message_type is not None:
            getattr(message, field.name).CopyFrom(one)
        else:
            setattr(message, field.name, one)
    return message


def _filled_one(message, field, depth):
    if field.message_type is not None:
        return filled(field.message_type._concrete_class(), depth + 1)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _LEAVES[field.name]
    return f"{CANARY} in {field.full_name}" if field.type == FieldDescriptor.TYPE_STRING else None


def values(**given):
    """Attributes; double underscores stand for dots."""
    return [KeyValue(key=key.replace("__", "."), value=_value(value)) for key, value in given.items()]


def _value(value):
    return AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value)


def plain(node):
    """A decoded message with attributes as mappings: they come in any order."""
    if isinstance(node, list):
        return [plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    listed = {pair["key"]: next(iter(pair["value"].values())) for pair in node.get("attributes", ())}
    return {key: listed if key == "attributes" else plain(value) for key, value in node.items()}


def hashed(text):
    return hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def sent(collector, dashboard, backend, *spans, resource=()):
    """What the backend got of these spans."""
    dashboard.start()
    collector.start()
    request = filled(ExportTraceServiceRequest())
    request.resource_spans[0].resource.ClearField("entity_refs")  # names of attributes, which no processor reaches
    del request.resource_spans[0].scope_spans[0].spans[:]
    request.resource_spans[0].scope_spans[0].spans.extend(spans)
    request.resource_spans[0].resource.attributes.extend(resource)
    assert post(collector.url, request.SerializeToString()) == 200
    until(lambda: backend.bodies)
    return backend.requests[0]


@pytest.fixture
def spans():
    """A run, its step with an item error, a span of a library and one with a link, with canaries wherever there is room."""
    run, step, other, linked = (filled(Span()) for _ in range(4))
    run.parent_span_id = b""
    step.span_id, other.span_id, linked.span_id = STEP, OTHER, LINKED
    other.parent_span_id = STEP
    for span in (run, step, other):
        del span.links[:]
    run.attributes.extend(
        values(
            cicd__pipeline__name="people",
            cicd__pipeline__run__id="run-1",
            otel_sqlite__summary=CANARY,
            otel_sqlite__duration_ms=7,
        )
    )
    step.attributes.extend(
        values(
            cicd__pipeline__name="people",
            cicd__pipeline__task__name="submit",
            otel_sqlite__items__failed=1,
            otel_sqlite__detail=CANARY,
            otel_sqlite__skip_reason=CANARY,
            error__type="ValueError",
        )
    )
    step.status.code = Status.STATUS_CODE_ERROR
    step.events[0].name = "exception"
    step.events[0].attributes.extend(
        values(
            otel_sqlite__item__id=CANARY, exception__type="ValueError", exception__message=CANARY, exception__stacktrace=CANARY
        )
    )
    other.attributes.extend(values(http__request__method="GET", url__full=f"https://club.example/{CANARY}"))
    return run, step, other, linked


def test_of_every_field_only_what_says_nothing_of_a_member_leaves(collector, dashboard, backend, spans):
    got = sent(collector, dashboard, backend, *spans, resource=values(service__name="pipelines", host__name=CANARY))

    assert CANARY.encode() not in b"".join(backend.bodies)
    ids = {"traceId": "AAAAAAAAAAAAAAAAAAAAAQ=="}
    run, step, other = ({**ids, "spanId": f"AAAAAAAAA{end}="} for end in ("AE", "AI", "AM"))
    assert plain(MessageToDict(got)) == {
        "resourceSpans": [
            {
                "resource": {"attributes": {"service.name": "pipelines"}},
                "scopeSpans": [
                    {
                        "scope": {"name": "other"},
                        "spans": [
                            {
                                **run,
                                "name": "RUN people",
                                "attributes": {
                                    "cicd.pipeline.name": "people",
                                    "cicd.pipeline.run.id": "run-1",
                                    "otel_sqlite.duration_ms": "7",
                                },
                                "events": [{"name": "other"}],
                                "status": {},
                            },
                            {
                                **step,
                                "parentSpanId": run["spanId"],
                                "name": "submit",
                                "attributes": {
                                    "cicd.pipeline.name": "people",
                                    "cicd.pipeline.task.name": "submit",
                                    "otel_sqlite.items.failed": "1",
                                    "error.type": "ValueError",
                                },
                                "events": [
                                    {
                                        "name": "exception",
                                        "attributes": {"otel_sqlite.item.id": hashed(CANARY), "exception.type": "ValueError"},
                                    }
                                ],
                                "status": {"code": "STATUS_CODE_ERROR"},
                            },
                            {
                                **other,
                                "parentSpanId": step["spanId"],
                                "name": "GET",
                                "attributes": {"http.request.method": "GET"},
                                "events": [{"name": "other"}],
                                "status": {},
                            },
                        ],
                    }
                ],
            }
        ]
    }


def test_what_looks_personal_in_a_value_that_leaves_is_hashed(collector, dashboard, backend):
    personal = ["kees@example.nl", "06-12345678", "+31 6 12 34 56 78", "(024) 123 45 67", "0031612345678", "ABCD12E"]
    names = [semconv.PIPELINE_NAME, semconv.STEP_NAME, semconv.RUN_ID, semconv.ERROR_TYPE]
    spans = []
    for number, (name, one) in enumerate(product(names, personal), start=1):
        spans.append(Span(trace_id=_LEAVES["trace_id"], span_id=number.to_bytes(8)))
        spans[-1].attributes.append(KeyValue(key=name, value=_value(f"of {one}")))
        spans[-1].attributes.add(key=semconv.END_REASON).value.array_value.values.add(string_value=one)
    got = sent(collector, dashboard, backend, *spans)
    assert [one for one in personal if one.encode() in backend.bodies[0]] == []
    leaving = [span.attributes[0].value.string_value for span in got.resource_spans[0].scope_spans[0].spans]
    assert len(leaving) == len(spans)
    assert [value for value in leaving if not re.fullmatch(r"of \(?[0-9a-f]{64}", value)] == []


def test_an_item_id_that_is_a_number_or_empty_has_a_hash_of_its_own(collector, dashboard, backend):
    span = Span(trace_id=_LEAVES["trace_id"], span_id=RUN, name="a")
    for item in (1234, 5678, "1234", ""):
        span.events.add(name="exception").attributes.append(KeyValue(key=semconv.ITEM_ID, value=_value(item)))
    got = sent(collector, dashboard, backend, span)
    events = got.resource_spans[0].scope_spans[0].spans[0].events
    assert [event.attributes[0].value.string_value for event in events] == [hashed(text) for text in ("1234", "5678", "1234", "")]


CANARIES = """
from contextlib import suppress
from opentelemetry import trace
from otel_sqlite import ItemError, configure, run

configure("local.sqlite")
c = "canary of a member"
with suppress(ValueError), run("people") as r:
    with r.step("submit") as step:
        step.item_error(ItemError(c, c, c))
        step.item_error(ValueError(c), item_id=c)
        step.detail({c: c})
    with r.step("photos") as step:
        step.skip(c)
    r.summarize({c: c})
    with r.step("fetch"), trace.get_tracer(c, c).start_as_current_span(c, attributes={c: c}) as other:
        other.add_event(c, {c: c})
        other.set_status(trace.StatusCode.ERROR, c)
        raise ValueError(c)
"""


def test_of_a_pipeline_that_sends_everything_no_canary_leaves_but_all_are_on_the_dashboard(
    collector, dashboard, backend, program
):
    dashboard.start()
    collector.start()
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_SQLITE_PRIVACY": "off",
        "OTEL_SQLITE_EXIT_TIMEOUT": "60",
        "OTEL_RESOURCE_ATTRIBUTES": f"owner={CANARY}",
    }
    assert program(CANARIES, **environment).stderr == ""
    until(lambda: len(backend.spans) == 5)
    assert b"canary" not in b"".join(backend.bodies)
    assert sorted(span.name for span in backend.spans) == ["RUN people", "fetch", "other", "photos", "submit"]
    assert {headers["Authorization"] for headers in backend.headers} == {"Basic of-the-backend:=="}
    query = "SELECT member_identifier, error_message, error_stack FROM run_errors WHERE step_name = 'submit' ORDER BY id LIMIT 1"
    until(lambda: dashboard.rows(query) == [(CANARY, CANARY, CANARY)])


def test_a_name_that_is_no_text_neither_stops_a_span_nor_leaves_its_own_name_standing(collector, dashboard, backend):
    spans = []
    for number, name in enumerate((semconv.PIPELINE_NAME, semconv.STEP_NAME, semconv.HTTP_METHODS[0]), start=1):
        spans.append(Span(trace_id=_LEAVES["trace_id"], span_id=number.to_bytes(8), name=CANARY))
        spans[-1].attributes.append(KeyValue(key=name, value=AnyValue(int_value=7)))
    got = sent(collector, dashboard, backend, *spans)
    assert [span.name for span in got.resource_spans[0].scope_spans[0].spans] == ["other"] * 3
