"""What the OTLP specification asks of a receiver, over real HTTP."""

import gzip
import socket
import sqlite3
import threading
from contextlib import closing

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel_sqlite.errors import StoreFullError
from otel_sqlite.receiver import application
from otel_sqlite.receiver.application import Conduct
from otel_sqlite.receiver.intake import Intake
from otel_sqlite.receiver.wire import Encoding, Limits
from otel_sqlite.store import connection
from tests.otel_sqlite.receiver.conftest import document, encoded, receiving, run_span, span

PROTOBUF, JSON = Encoding.PROTOBUF.value, Encoding.JSON.value
RUN = document(run_span())
SMALL = Limits(body_bytes=10_000, spans=3, attributes=5)
TOKEN = "a-secret-of-enough-length"


def success(answer):
    """What a good answer says, in the encoding that it says it has."""
    if answer.headers["content-type"] == JSON:
        return answer.json()
    said = ExportTraceServiceResponse.FromString(answer.content)
    if not said.HasField("partial_success"):
        return {}
    partial = said.partial_success
    return {"partialSuccess": {"rejectedSpans": str(partial.rejected_spans), "errorMessage": partial.error_message}}


def problem(answer):
    """Code and message of a bad answer."""
    if answer.headers["content-type"] == JSON:
        return answer.json()["code"], answer.json()["message"]
    said = Status.FromString(answer.content)
    return said.code, said.message


# ---------------------------------------------------------------------------------------------- good requests


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
def test_a_request_is_answered_in_its_own_encoding_once_its_rows_are_durable(client, send, read, encoding, compressed):
    answer = send(client, RUN, encoding, compressed=compressed)
    assert (answer.status_code, answer.headers["content-type"], success(answer)) == (200, encoding.value, {})
    assert read("SELECT run_uid, pipeline, outcome, started_at, duration_ms FROM runs") == [
        ("run-1", "people", "success", "2026-02-02T02:40:00.000Z", 1_000)
    ]


ACCEPTED = {
    "an empty request": (PROTOBUF, b"", {}),
    "an empty JSON object": (JSON, b"{}", {}),
    "parameters of the content type": ("application/json; charset=utf-8", b'{"resourceSpans": []}', {}),
    "upper case in the content type": ("Application/JSON", b"{}", {}),
    "identity": (JSON, b"{}", {"Content-Encoding": "identity"}),
    "fields of a later version": (JSON, b'{"resourceSpans": [{"new": {}, "scopeSpans": [{"spans": [], "x": 1}]}], "y": []}', {}),
    "an unknown protobuf field": (PROTOBUF, b"\xfa\x07\x03abc", {}),
}


@pytest.mark.parametrize("case", ACCEPTED.values(), ids=ACCEPTED)
def test_what_asks_for_nothing_is_a_success_and_makes_no_database(client, path, case):
    kind, body, headers = case
    answer = client.post("/v1/traces", content=body, headers={"Content-Type": kind, **headers})
    assert (answer.status_code, success(answer)) == (200, {})
    assert not path.exists()


def test_the_same_request_again_changes_nothing(client, send, path, content, encoding):
    said = document(run_span(), span(2, parent=1, cicd__pipeline__task__name="submit"), {**run_span(3), "spanId": "00"})
    assert send(client, said, encoding).status_code == 200
    before = content(path)
    assert send(client, said, encoding, compressed=True).status_code == 200
    assert content(path) == before


def test_hexadecimal_ids_and_numbers_as_text_or_number_are_read(client, send, read):
    said = {**run_span(), "traceId": "ABCDEF" + "0" * 25 + "1", "startTimeUnixNano": 1_770_000_000_000_000_000, "kind": 2}
    send(client, document({**said, "links": [{"traceId": "zz"}], "flags": 257}), Encoding.JSON)
    assert read("SELECT trace_id, span_id, started_at FROM runs") == [
        ("abcdef" + "0" * 25 + "1", "0" * 15 + "1", "2026-02-02T02:40:00.000Z")
    ]


def test_spans_that_are_neither_run_nor_step_are_accepted_and_not_kept(client, send, path):
    answer = send(client, document(span(http__request__method="GET")))
    assert (answer.status_code, success(answer), path.exists()) == (200, {}, False)


def test_a_span_that_has_not_ended_is_a_running_run(client, send, read):
    send(client, document({**run_span(), "endTimeUnixNano": "0"}))
    assert read("SELECT outcome, finished_at, journal FROM runs") == [("running", None, None)]


@pytest.mark.parametrize("is_step", [False, True])
def test_what_begins_a_day_ahead_or_more_begins_when_it_is_received(client, send, read, is_step):
    words = {"cicd__pipeline__run__id": "run-1", **({"cicd__pipeline__task__name": "submit"} if is_step else {})}
    said = document(span(seconds=(10**9, 10**9 + 2), cicd__pipeline__name="people", **words))
    for _ in range(2):
        assert send(client, said).status_code == 200
    table = "run_steps" if is_step else "runs"
    ((age_s, took_s, duration_ms),) = read(
        f"""SELECT unixepoch('now') - unixepoch(started_at), unixepoch(finished_at) - unixepoch(started_at), duration_ms
        FROM {table}"""
    )
    assert 0 <= age_s < 600
    assert (took_s, duration_ms) == (2, 2_000)


# ---------------------------------------------------------------------------------------------- partial success


REJECTED = {
    "no trace id": ({**run_span(2), "traceId": ""}, "1 without a valid trace id and span id"),
    "a trace id of zeros": ({**run_span(2), "traceId": "0" * 32}, "1 without a valid trace id and span id"),
    "a short span id": ({**run_span(2), "spanId": "abcd"}, "1 without a valid trace id and span id"),
    "too many attributes": (run_span(2, **{f"a{n}": n for n in range(4)}), "1 with more than 5 attributes"),
}


@pytest.mark.parametrize("case", REJECTED.values(), ids=REJECTED)
def test_spans_that_cannot_be_taken_are_rejected_and_counted_and_the_others_are_stored(receiving, send, read, encoding, case):
    bad, message = case
    with receiving(limits=SMALL) as client:
        answer = send(client, document(run_span(), bad), encoding)
    assert (answer.status_code, success(answer)) == (200, {"partialSuccess": {"rejectedSpans": "1", "errorMessage": message}})
    assert read("SELECT run_uid FROM runs") == [("run-1",)]
    assert read("SELECT run_id, reason, count FROM run_drops") == [(None, "rejected_span", 1)]


def test_an_id_that_is_not_hexadecimal_costs_its_own_span_only(client, send, read):
    answer = send(client, document(run_span(), {**run_span(2), "spanId": "not hexadecimal!"}), Encoding.JSON)
    assert success(answer)["partialSuccess"]["rejectedSpans"] == "1"
    assert read("SELECT COUNT(*) FROM runs") == [(1,)]


def test_spans_over_the_limit_of_a_request_are_rejected(receiving, send, read):
    with receiving(limits=SMALL) as client:
        answer = send(client, document(*(span(number, cicd__pipeline__name=f"p{number}") for number in range(1, 6))))
    assert success(answer) == {"partialSuccess": {"rejectedSpans": "2", "errorMessage": "2 over the limit of 3 spans a request"}}
    assert read("SELECT pipeline FROM runs ORDER BY 1") == [("p1",), ("p2",), ("p3",)]


def test_a_resource_with_too_many_attributes_costs_its_spans(receiving, send):
    with receiving(limits=SMALL) as client:
        answer = send(client, document(run_span(), run_span(2), **{f"a{n}": n for n in range(6)}))
    assert success(answer) == {"partialSuccess": {"rejectedSpans": "2", "errorMessage": "2 with more than 5 attributes"}}


def test_an_event_with_too_many_attributes_costs_its_span(receiving, send):
    event = {"name": "exception", "timeUnixNano": "1", "attributes": span(1, **{f"a{n}": n for n in range(6)})["attributes"]}
    with receiving(limits=SMALL) as client:
        answer = send(client, document({**run_span(), "events": [event]}))
    assert success(answer)["partialSuccess"]["errorMessage"] == "1 with more than 5 attributes"


# ---------------------------------------------------------------------------------------------- bad requests


BOMB = gzip.compress(b"\0" * 100_000_000)
BIG = b" " * 10_001

# Content type, other headers, body -> HTTP status, google.rpc.Code, a part of the message. Limits: SMALL.
REFUSED = {
    "broken protobuf": (PROTOBUF, {}, b"\x0a\xff", 400, 3, "not an export request in application/x-protobuf"),
    "a text that is not UTF-8": (
        PROTOBUF,
        {},
        b"\x0a\x0a\x12\x08\x12\x06\x2a\x04\xff\xff\xff\xff",
        400,
        3,
        "not an export request",
    ),
    "broken JSON": (JSON, {}, b"{", 400, 3, "not an export request in application/json"),
    "no JSON at all": (JSON, {}, b"", 400, 3, "not an export request"),
    "a JSON list": (JSON, {}, b"[]", 400, 3, "not a JSON object"),
    "no UTF-8": (JSON, {}, b'{"\xed\xa0\x80": 1}', 400, 3, "not an export request"),
    "NaN": (JSON, {}, b'{"x": NaN}', 400, 3, "NaN is not JSON"),
    "a field of another type": (JSON, {}, b'{"resourceSpans": 1}', 400, 3, "not an export request"),
    "deep JSON": (JSON, {}, b"[" * 5_000, 400, 3, "not an export request"),
    "protobuf sent as JSON": (JSON, {}, encoded(RUN, Encoding.PROTOBUF), 400, 3, "not an export request"),
    "JSON sent as protobuf": (PROTOBUF, {}, encoded(RUN, Encoding.JSON), 400, 3, "not an export request"),
    "no gzip": (JSON, {"Content-Encoding": "gzip"}, b"{}", 400, 3, "not gzip"),
    "nothing as gzip": (PROTOBUF, {"Content-Encoding": "gzip"}, b"", 400, 3, "cut off"),
    "half a gzip": (JSON, {"Content-Encoding": "gzip"}, gzip.compress(b"{}")[:-4], 400, 3, "cut off"),
    "a gzip with a wrong checksum": (
        JSON,
        {"Content-Encoding": "gzip"},
        gzip.compress(b"{}")[:-8] + b"\1" * 8,
        400,
        3,
        "not gzip",
    ),
    "a gzip and more": (JSON, {"Content-Encoding": "gzip"}, gzip.compress(b"{}") + b"more", 400, 3, "something follows"),
    "a gzip in a gzip": (
        JSON,
        {"Content-Encoding": "gzip"},
        gzip.compress(gzip.compress(b"{}")),
        400,
        3,
        "not an export request",
    ),
    "a gzip bomb": (PROTOBUF, {"Content-Encoding": "gzip"}, BOMB[:10_000], 413, 8, "more than 10000 bytes"),
    "a bomb in a bomb": (PROTOBUF, {"Content-Encoding": "gzip"}, gzip.compress(BOMB), 413, 8, "more than 10000 bytes"),
    "a large body": (JSON, {}, BIG, 413, 8, "more than 10000 bytes"),
    "a large body of unknown length": (JSON, {}, (BIG[:6_000], BIG[:6_000]), 413, 8, "more than 10000 bytes"),
    "gzip twice": (JSON, {"Content-Encoding": "gzip, gzip"}, b"", 415, 3, "Content-Encoding: gzip"),
    "deflate": (PROTOBUF, {"Content-Encoding": "deflate"}, b"", 415, 3, "Content-Encoding: gzip"),
    "text": ("text/plain", {}, b"", 415, 3, "send application/x-protobuf or application/json"),
    "no content type": (None, {}, b"", 415, 3, "send application/x-protobuf or application/json"),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "dashboard.sqlite"
    with receiving(path, limits=SMALL) as client:
        yield client
    assert not path.exists()


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_a_bad_request_is_refused_with_a_status_in_its_own_encoding(small, case):
    kind, headers, body, status, code, message = case
    kinds = {} if kind is None else {"Content-Type": kind}
    answer = small.post("/v1/traces", content=iter(body) if isinstance(body, tuple) else body, headers={**kinds, **headers})
    assert answer.status_code == status
    assert answer.headers["content-type"] == (kind if kind in (PROTOBUF, JSON) else JSON)
    assert problem(answer)[0] == code
    assert message in problem(answer)[1]
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize(
    "case",
    [
        ("GET", "/v1/traces", 405, 12),
        ("PUT", "/v1/traces", 405, 12),
        ("OPTIONS", "/v1/traces", 405, 12),
        ("POST", "/v1/traces/", 404, 5),
        ("POST", "/v1/metrics", 404, 5),
        ("POST", "/", 404, 5),
        ("POST", "/health", 405, 12),
    ],
)
def test_other_places_and_methods_are_refused(small, encoding, case):
    method, target, status, code = case
    answer = small.request(method, target, headers={"Content-Type": encoding.value})
    assert (answer.status_code, answer.headers["content-type"], problem(answer)[0]) == (status, encoding.value, code)
    assert status != 405 or "allow" in answer.headers


def test_after_a_large_body_was_refused_the_connection_goes_on(small):
    for _ in range(2):
        assert small.post("/v1/traces", content=b" " * 5_000_000, headers={"Content-Type": JSON}).status_code == 413
    assert small.post("/v1/traces", content=b"{}", headers={"Content-Type": JSON}).status_code == 200


HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n"


def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes(small):
    assert first_line(small, HEAD).startswith(b"HTTP/1.1 413 ")


def first_line(client, sent):
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=60) as connection:
        connection.sendall(sent)
        return connection.recv(1_000)


def test_a_fault_of_ours_is_500_with_a_status(receiving, send, encoding, monkeypatch, caplog):
    monkeypatch.setattr(Intake, "take", lambda *_, **__: 1 / 0)
    with receiving() as client:
        answer = send(client, RUN, encoding)
    assert (answer.status_code, problem(answer)) == (500, (13, "the receiver failed"))
    assert "ZeroDivisionError" in caplog.text


# ---------------------------------------------------------------------------------------------- a store in trouble


def test_a_busy_store_is_503_with_retry_after_and_what_is_sent_again_is_stored(path, send, read, encoding, caplog):
    with receiving(path, conduct=Conduct(write_timeout_s=0.05)) as client:
        send(client, document(run_span(7)))
        with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
            stranger.execute("BEGIN EXCLUSIVE")
            answers = [send(client, document(span(2, cicd__pipeline__name="nikki")), encoding) for _ in range(2)]
            assert client.get("/health").status_code == 503
        for answer in answers:
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert problem(answer) == (14, "the dashboard database is locked by another process")
        assert send(client, document(span(2, cicd__pipeline__name="nikki")), encoding).status_code == 200
        assert client.get("/health").json() == {"status": "ok"}
    assert read("SELECT pipeline FROM runs ORDER BY 1") == [("nikki",), ("people",)]
    assert len(caplog.records) == 1


def test_a_full_disk_is_503_and_later(receiving, send, path, monkeypatch, caplog):
    def refuse(_):
        raise StoreFullError(path)

    with receiving() as client:
        monkeypatch.setattr(connection, "check_free_space", refuse)
        answer = send(client, RUN)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
        assert client.get("/health").json() == {
            "status": "unavailable",
            "reason": "the dashboard database cannot grow, the disk is full",
        }


def test_a_database_that_cannot_be_used_is_said_at_once_and_health_knows_when_it_is_mended(receiving, send, path, caplog, until):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as stranger:
        stranger.execute("CREATE TABLE contacts (name)")
    unavailable = {"status": "unavailable", "reason": "the dashboard database belongs to another application"}

    with receiving() as client:
        until(lambda: caplog.records)
        assert client.get("/health").json() == unavailable
        assert send(client, b"").status_code == 200  # it asks for nothing, so it tells nothing
        assert client.get("/health").json() == unavailable
        path.unlink()
        assert client.get("/health").json() == {"status": "ok"}
    [said] = caplog.records
    assert "dashboard.sqlite belongs to another application (it holds contacts)" in said.getMessage()


def test_nobody_waits_for_a_look_that_takes_long_and_one_is_enough(path, send, monkeypatch, caplog, until):
    monkeypatch.setattr(application, "_LOOK_TIMEOUT_S", 0.05)
    path.parent.mkdir()
    path.write_bytes(b"something else")
    looks, mended = [], threading.Event()

    def look(*_):
        looks.append(1)
        mended.wait()

    with receiving(path) as client:
        until(lambda: caplog.records)
        monkeypatch.setattr(Intake, "check", look)
        try:
            assert send(client, b"").status_code == 200
            assert [client.get("/health").status_code for _ in range(2)] == [503, 503]
        finally:
            mended.set()
        assert until(lambda: client.get("/health").status_code == 200)
    assert len(looks) == 1


def test_a_look_passes_over_a_busy_store(path, send, caplog, until):
    looked = []
    tending = {"look_after": lambda: looked.append(1), "every_s": 0.01}
    with receiving(path, conduct=Conduct(write_timeout_s=0.05), **tending) as client:
        send(client, RUN)
        with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
            stranger.execute("BEGIN EXCLUSIVE")
            before = len(looked)
            assert until(lambda: len(looked) > before + 1)
            assert client.get("/health").json() == {"status": "ok"}
    assert caplog.records == []


def test_a_database_that_was_replaced_is_written_anew(client, send, path, read):
    send(client, document(run_span(1)))
    path.unlink()
    assert send(client, document(span(2, cicd__pipeline__name="nikki"))).status_code == 200
    assert read("SELECT pipeline FROM runs") == [("nikki",)]


def test_more_requests_at_once_than_are_taken_are_429_and_the_loop_goes_on_answering(receiving, send, path, until):
    with receiving(conduct=Conduct(requests=1, write_timeout_s=10)) as client:
        send(client, document(run_span(7)))
        slow = []
        with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
            stranger.execute("BEGIN EXCLUSIVE")
            # What asks below whether the place is taken may take it itself first.
            insist = lambda: next((a for a in [send(client, RUN)] if a.status_code != 429), None)  # noqa: E731 - a word for it
            thread = threading.Thread(target=lambda: slow.append(until(insist).status_code))
            thread.start()
            answer = until(lambda: next((a for a in [send(client, b"")] if a.status_code != 200), None))
            assert (answer.status_code, answer.headers["retry-after"], problem(answer)[0]) == (429, "1", 8)
            assert client.get("/health").status_code == 200
        thread.join()
        assert slow == [200]
        assert send(client, b"").status_code == 200


# ---------------------------------------------------------------------------------------------- who may send


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A receiver that asks for a token, and its database."""
    path = tmp_path_factory.mktemp("guarded") / "dashboard.sqlite"
    with receiving(path, conduct=Conduct(token=TOKEN)) as client:
        yield client, path


@pytest.mark.parametrize(
    "shown", [None, "Bearer wrong", f"Basic {TOKEN}", "Bearer", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer \xe9"]
)
def test_who_does_not_show_the_token_is_refused_before_the_body_is_read(guarded, encoding, shown):
    client, path = guarded
    headers = {"Content-Type": encoding.value, **({} if shown is None else {"Authorization": shown.encode("latin-1")})}
    answer = client.post("/v1/traces", content=encoded(RUN, encoding), headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"], problem(answer)[0]) == (401, "Bearer", 16)
    assert not path.exists()


def test_who_shows_no_token_need_not_send_a_body(guarded):
    assert first_line(guarded[0], HEAD).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_who_shows_the_token_is_served_and_health_needs_none(guarded, send, scheme):
    client, _ = guarded
    assert send(client, b"", Authorization=f"{scheme} {TOKEN}", Origin="http://example.org").status_code == 200
    assert client.get("/health").status_code == 200


def test_a_web_page_cannot_send_to_a_receiver_without_a_token(client, send, path):
    assert send(client, RUN, Origin="http://example.org").status_code == 403
    assert not path.exists()


# ---------------------------------------------------------------------------------------------- the store is looked after


def test_the_store_is_looked_after_from_time_to_time(receiving, until, caplog, path):
    looked = []

    def look_after():
        looked.append(1)
        raise StoreFullError(path) if len(looked) == 1 else ValueError("odd")

    with receiving(look_after=look_after, every_s=0.01):
        assert until(lambda: len(looked) > 2)
    assert "looking after the store failed, receiving goes on" in caplog.text
