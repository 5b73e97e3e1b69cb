"""Whatever is sent, a receiver answers: never with 500, never without what was good in it."""

import json
import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_sqlite.receiver.wire import Encoding
from tests.otel_sqlite.receiver.conftest import document, encoded, receiving, run_span, span

ANSWERS = {200, 400, 413, 415}
EVENT = {
    "name": "exception",
    "timeUnixNano": "1770000000500000000",
    "attributes": span(1, exception__message="refused", otel_sqlite__item__id="ABC")["attributes"],
}
RICH = document(
    run_span(1, otel_sqlite__summary='{"a": 1}'),
    {
        **span(2, parent=1, cicd__pipeline__task__name="submit", otel_sqlite__items__failed=2),
        "events": [EVENT],
        "status": {"code": 2},
    },
    span(3, parent=2, cicd__pipeline__task__name="inner", otel_sqlite__detail="[1]"),
    service__namespace="club",
)
PROTOBUF = encoded(RICH, Encoding.PROTOBUF)

often = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    """A receiver; whatever it was sent, its database is whole in the end, and it still takes what is good."""
    path = tmp_path_factory.mktemp("fuzz") / "dashboard.sqlite"
    with receiving(path) as client:
        yield client
        good = document({**run_span(), "traceId": "ee" * 16}, service__namespace="good")
        answer = client.post("/v1/traces", content=json.dumps(good), headers={"Content-Type": Encoding.JSON.value})
        assert answer.status_code == 200
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def answer_to(client, body, encoding, **headers):
    return client.post("/v1/traces", content=body, headers={"Content-Type": encoding.value, **headers})


@often
@given(body=st.binary(max_size=300), encoding=st.sampled_from(Encoding), coding=st.sampled_from(["identity", "gzip", "br"]))
def test_random_bytes_are_answered(fuzzed, body, encoding, coding):
    assert answer_to(fuzzed, body, encoding, **{"Content-Encoding": coding}).status_code in ANSWERS


@st.composite
def damaged(draw):
    """A good request with some bytes changed, taken out, put in or repeated."""
    body = bytearray(PROTOBUF)
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(body)))
        length = draw(st.integers(0, 12))
        body[place : place + length] = draw(st.one_of(st.binary(max_size=12), st.just(bytes(body[place : place + 40]))))
    return bytes(body)


@often
@given(body=damaged())
def test_damaged_protobuf_is_answered(fuzzed, body):
    assert answer_to(fuzzed, body, Encoding.PROTOBUF).status_code in ANSWERS


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(2**63 - 2, 2**64 + 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        ["\ud800", "0", "-1", "99999999999999999999", "NaN", "people", "success", "00" * 8, "ab" * 16, "1" * 16, "3" * 16]
    ),
)
names = st.sampled_from(
    [
        "resourceSpans", "resource", "scopeSpans", "scope", "spans", "attributes", "events", "links", "status", "key", "value",
        "traceId", "spanId", "parentSpanId", "kind", "name", "startTimeUnixNano", "endTimeUnixNano", "timeUnixNano", "code",
        "stringValue", "intValue", "doubleValue", "boolValue", "bytesValue", "arrayValue", "kvlistValue", "values",
        "droppedEventsCount", "cicd.pipeline.name", "unknown", "\ud800",
    ]
)  # fmt: skip
trees = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=4)), max_leaves=12
)


def replaced(node, place, tree):
    """The document with the node at this place, in order of reading, replaced."""
    left = iter(range(place + 1))

    def walk(node):
        if next(left, None) == place:
            return tree
        if isinstance(node, dict):
            return {key: walk(value) for key, value in node.items()}
        return [walk(item) for item in node] if isinstance(node, list) else node

    return walk(node)


@often
@given(place=st.integers(0, 150), tree=trees)
def test_json_of_nearly_the_right_shape_is_answered(fuzzed, place, tree):
    body = json.dumps(replaced(RICH, place, tree)).encode()
    assert answer_to(fuzzed, body, Encoding.JSON).status_code in ANSWERS


@often
@given(values=st.dictionaries(st.sampled_from(
    [
        "cicd.pipeline.name", "cicd.pipeline.run.id", "cicd.pipeline.task.name", "cicd.pipeline.task.run.id",
        "cicd.pipeline.result", "cicd.pipeline.task.run.result", "cicd.pipeline.run.status", "cicd.pipeline.run.task.status",
        "otel_sqlite.outcome", "otel_sqlite.items.created", "otel_sqlite.items.failed", "otel_sqlite.detail",
        "otel_sqlite.summary", "otel_sqlite.duration_ms", "otel_sqlite.items.unrecorded", "service.namespace",
    ]
), st.one_of(
    st.builds(lambda text: {"stringValue": text}, st.text(max_size=10)),
    st.builds(lambda number: {"intValue": str(number)}, st.integers(-(2**63), 2**63 - 1)),
    st.builds(lambda number: {"doubleValue": number}, st.sampled_from([0.5, -1, "NaN", "Infinity", 1e308])),
    st.just({"arrayValue": {"values": [{"stringValue": "a"}, {}]}}),
    st.just({"kvlistValue": {"values": [{"key": "a", "value": {"bytesValue": "AAEC"}}]}}),
    st.just({}),
)), parents=st.tuples(*[st.integers(0, 4)] * 4), times=st.tuples(*[st.sampled_from([0, 1, 10**18, 2**63, 2**64 - 1])] * 2),
)  # fmt: skip
def test_any_values_and_any_tangle_of_parents_are_stored_or_left_out(fuzzed, values, parents, times):
    pairs = [{"key": key, "value": value} for key, value in values.items()]
    spans = [
        {**span(number, parent=parent), "attributes": pairs, "startTimeUnixNano": str(times[0]), "endTimeUnixNano": str(times[1])}
        for number, parent in enumerate(parents, 1)
    ]
    said = document(*spans)
    said["resourceSpans"][0]["resource"]["attributes"] = pairs
    for encoding in Encoding:
        assert answer_to(fuzzed, encoded(said, encoding), encoding).status_code == 200
