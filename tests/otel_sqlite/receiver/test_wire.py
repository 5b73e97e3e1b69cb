"""Bodies and their limits; what they mean is tested over HTTP."""

import gzip
import json
import tracemalloc

import pytest

from otel_sqlite.receiver.pieces import has_more_messages
from otel_sqlite.receiver.wire import Encoding, Limits, TooLargeError, UndecodableError, decode, inflate
from tests.otel_sqlite.receiver.conftest import attributes, document, encoded, run_span

MIB = 1024 * 1024


def test_a_gzip_bomb_is_never_in_memory():
    bomb = gzip.compress(b"\0" * (64 * MIB))
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError):
            inflate(bomb, MIB)
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [0, 1, 9, 10])
def test_what_is_not_larger_than_the_limit_is_taken(size):
    assert inflate(gzip.compress(b"x" * size), 10) == b"x" * size


def test_what_is_one_byte_larger_than_the_limit_is_refused():
    with pytest.raises(TooLargeError):
        inflate(gzip.compress(b"x" * 11), 10)


# ---------------------------------------------------------------------------------------------- floods of small pieces

FEW = Limits(spans=10, events=20, objects=500)


@pytest.mark.parametrize(
    "said",
    [{"resourceSpans": [{}] * 11}, {"resourceSpans": [{"scopeSpans": [{}] * 6}] * 2}],
    ids=["resources", "scopes"],
)
def test_more_groups_than_spans_are_refused(said, encoding):
    with pytest.raises(TooLargeError, match="more than 10 groups of spans"):
        decode(encoded(said, encoding), encoding, FEW)


def framed(tag, content):
    """A field of protobuf: tag, length, content."""
    length, rest = [], len(content)
    while rest > 127:
        length.append(rest & 127 | 128)
        rest >>= 7
    return bytes([tag, *length, rest]) + content


def test_spans_over_the_limit_are_counted_without_being_looked_at():
    body = framed(0x0A, framed(0x12, framed(0x12, b"") * 900_000))
    tracemalloc.start()
    try:
        spans, rejected = decode(body, Encoding.PROTOBUF, Limits(spans=10))
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()
    assert (spans, rejected.total()) == ([], 900_000)


@pytest.mark.parametrize(
    "body",
    [
        framed(0x0A, b"") * 501,
        framed(0x0A, framed(0x12, b"") * 500),
        framed(0x0A, framed(0x12, framed(0x12, b"") * 499)),
        framed(0x0A, framed(0x12, framed(0x12, framed(0x4A, b"") * 498))),
        framed(0x0A, framed(0x12, framed(0x12, framed(0x4A, framed(0x12, framed(0x2A, framed(0x0A, b"") * 495)))))),
        framed(0x0A, framed(0x12, framed(0x12, framed(0x0A, b"x" * 16) + framed(0x5A, b"\x09" + b"t" * 8) * 498))),
        framed(0x0A, framed(0x1A, b"x") * 300 + b"\x20\x96\x01\x2d1234\x3112345678" + framed(0x12, b"") * 500),
        framed(0x0A, b"") * 501 + b"\xff" * 1_000_000,
    ],
    ids=["groups", "scopes", "spans", "attributes", "values", "events", "beside unknown fields", "before a fault"],
)
def test_protobuf_of_too_many_messages_is_refused_before_it_is_read(body):
    with pytest.raises(TooLargeError, match="more than 500 objects"):
        decode(body, Encoding.PROTOBUF, FEW)


@pytest.mark.parametrize("limit", [0, 1])
def test_every_message_of_a_request_counts_and_texts_do_not(limit):
    event = {"name": "exception", "attributes": attributes(a="b" * 999)}
    said = document({**run_span(), "events": [event]}, service__name="s")
    # A group, its resource, a scope's group, its scope, the span, its status, the event, and four attributes with a value each.
    assert has_more_messages(encoded(said, Encoding.PROTOBUF), 14 + limit) is (limit == 0)


@pytest.mark.parametrize(
    "body",
    [b"\x0a", b"\x0a\xff", b"\x0a\x7f", b"\xff" * 2000, b"\x0f" * 2000, b"\x0a\x02\x12\x7f" + b"\x0b" * 2000],
)
def test_what_is_malformed_is_left_to_the_parser(body):
    with pytest.raises(UndecodableError):
        decode(body + b"\x07" * 1000, Encoding.PROTOBUF, FEW)


def test_json_of_too_many_objects_is_refused_before_it_is_read():
    with pytest.raises(TooLargeError, match="more than 500 objects"):
        decode(b"[{}" * 251, Encoding.JSON, FEW)


def test_a_span_with_too_many_events_is_rejected(encoding):
    said = document({**run_span(), "events": [{"timeUnixNano": "1"}] * 21}, run_span(2))
    spans, rejected = decode(encoded(said, encoding), encoding, FEW)
    assert (len(spans), rejected) == (1, {"with more than 20 events": 1})


def test_a_structure_that_no_column_holds_is_told_by_its_size():
    said = document(run_span())
    flood = {"arrayValue": {"values": [{"stringValue": "x" * 1_000}] * 1_000}}
    said["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"].append({"key": "otel_sqlite.summary", "value": flood})
    (span,), _ = decode(json.dumps(said).encode(), Encoding.JSON, Limits())
    assert span.attributes["otel_sqlite.summary"].endswith(" bytes of structure>")


# ---------------------------------------------------------------------------------------------- half characters


@pytest.mark.parametrize("place", ['"\\ud800": 1', '"kind": "\\uDFFF"', '"x": ["\\ud800"]', '"name": "\\ud800"'])
def test_half_a_character_costs_itself_alone(place):
    said = json.dumps(document(run_span())).replace('"kind": 1', place)
    spans, rejected = decode(said.encode(), Encoding.JSON, Limits())
    assert (len(spans), rejected) == (1, {})


def test_a_whole_character_written_in_halves_is_kept():
    said = json.dumps(document(run_span(otel_sqlite__summary="\U0001f600")))
    assert "\\ud83d" in said
    (span,), _ = decode(said.encode(), Encoding.JSON, Limits())
    assert span.attributes["otel_sqlite.summary"] == "\U0001f600"
