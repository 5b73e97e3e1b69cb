import logging
import re
from contextlib import ExitStack, closing

import httpx
import pytest

from pipelines.clients import http
from pipelines.clients.http import Http, Pace, Refusal, decoded, one_line
from pipelines.errors import LapostaError, RondoClubNotFoundError

OK = httpx.Response(200, json={})

HTTPX_ERRORS = [
    kind
    for kind in vars(httpx).values()
    if isinstance(kind, type) and issubclass(kind, (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError))
]
NEVER_SENT = {httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError}
CUT_OFF = {
    httpx.TimeoutException,
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.NetworkError,
    httpx.ReadError,
    httpx.WriteError,
    httpx.CloseError,
    httpx.RemoteProtocolError,
}


def make_error(kind):
    if kind is httpx.HTTPStatusError:
        return kind("no", request=httpx.Request("GET", "http://x"), response=OK)
    return kind() if kind.__init__.__code__.co_argcount == 1 else kind("no")


def explain(response):
    return Refusal(reason=response.headers.get("Said"))


@pytest.fixture
def connect():
    """Makes the seam to a server, closed at the end."""
    with ExitStack() as opened:

        def connect_(url="http://127.0.0.1:9", explain=explain, retry_wait_s=0, **options):
            http_ = Http(LapostaError, explain, retry_wait_s=retry_wait_s, base_url=url, **options)
            return opened.enter_context(closing(http_))

        yield connect_


@pytest.mark.parametrize("repeatable", [True, False])
@pytest.mark.parametrize("kind", HTTPX_ERRORS)
def test_whatever_httpx_raises_comes_out_as_the_error_of_the_system(connect, kind, repeatable):
    sent = []

    def fail(request):
        sent.append(request)
        raise make_error(kind)

    with pytest.raises(LapostaError) as caught:
        connect(transport=httpx.MockTransport(fail)).ask("upsert", "POST", "/", subject="X1", repeatable=repeatable)

    error = caught.value
    may_help = kind in NEVER_SENT or (kind in CUT_OFF and repeatable)
    assert (error.operation, error.subject, error.status, error.retryable) == ("upsert", "X1", None, may_help)
    assert error.reason
    assert isinstance(error.__cause__, kind)
    assert len(sent) == (http.ATTEMPTS if may_help else 1)
    assert bool(error.remedy) == (kind in CUT_OFF and not repeatable)


@pytest.mark.parametrize(
    ("status", "repeatable", "requests"),
    [
        (400, True, 1),
        (401, True, 1),
        (404, True, 1),
        (408, True, 1),
        (429, True, 4),
        (429, False, 4),
        (500, True, 4),
        (500, False, 1),
        (502, True, 4),
        (504, False, 1),
        (503, False, 4),
        (301, True, 1),
    ],
)
def test_a_refusal_is_repeated_only_where_that_helps_and_harms_nobody(connect, serve, status, repeatable, requests):
    script = serve(httpx.Response(status))

    with pytest.raises(LapostaError) as caught:
        connect(script.url).ask("upsert", "POST", "/member", repeatable=repeatable)

    assert script.received == ["POST /member"] * requests
    assert (caught.value.status, caught.value.retryable) == (status, requests > 1)


@pytest.mark.parametrize("fault", [httpx.Response(429), httpx.Response(500), httpx.Response(503), "drop"])
def test_a_request_succeeds_when_a_later_attempt_does(connect, serve, fault):
    script = serve(fault, fault, fault, OK)

    assert connect(script.url).ask_object("upsert", "PUT", "/", json={"a": 1}) == {}
    assert len(script.received) == 4


@pytest.mark.parametrize("fault", ["drop", "hang"])
def test_what_may_have_happened_already_is_not_done_twice(connect, serve, fault):
    script = serve(fault, OK)

    with pytest.raises(LapostaError) as caught:
        connect(script.url, timeout=0.5).ask("create person", "POST", "/", repeatable=False)

    script.wait_for(1)
    assert len(script.received) == 1
    assert caught.value.remedy == "it may have been done all the same: look before it is done again"


def test_a_request_that_could_not_be_sent_is_tried_again_even_if_it_must_happen_once(connect):
    with pytest.raises(LapostaError) as caught:
        connect().ask("create person", "POST", "/", repeatable=False)

    assert re.fullmatch(r"laposta: create person: no connection: \[Errno \d+\] Connection refused", str(caught.value))
    assert caught.value.retryable


def test_the_pause_before_a_repetition_is_the_one_that_the_system_asks_for(connect, serve, monkeypatch):
    pauses = []
    monkeypatch.setattr("tenacity.nap.time.sleep", pauses.append)
    script = serve(httpx.Response(429, headers={"Retry-After": "7"}), httpx.Response(500), httpx.Response(500), OK)

    connect(script.url, retry_wait_s=1).ask("upsert", "POST", "/")

    assert pauses == [7, 2, 4]


def test_the_pauses_double_where_the_system_asks_for_none(connect, serve, monkeypatch):
    pauses = []
    monkeypatch.setattr("tenacity.nap.time.sleep", pauses.append)
    script = serve(httpx.Response(500))

    with pytest.raises(LapostaError):
        connect(script.url, retry_wait_s=1).ask("upsert", "POST", "/")

    assert pauses == [1, 2, 4]


def test_a_system_that_asks_for_a_long_pause_is_left_alone(connect, serve):
    script = serve(httpx.Response(429, headers={"Retry-After": "3600"}))

    with pytest.raises(LapostaError) as caught:
        connect(script.url).ask("upsert", "POST", "/")

    assert (caught.value.retryable, caught.value.retry_after_s, len(script.received)) == (False, 3600.0, 1)


def test_a_date_as_retry_after_means_the_usual_pause(connect, serve):
    script = serve(httpx.Response(429, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}), OK)

    connect(script.url).ask("upsert", "POST", "/")

    assert len(script.received) == 2


def test_the_status_speaks_where_the_system_gives_no_reason(connect, serve):
    script = serve(httpx.Response(404, content=b"<html>secret of the body</html>"))

    with pytest.raises(LapostaError) as caught:
        connect(script.url).ask("upsert", "POST", "/")

    assert str(caught.value) == 'laposta: upsert: 404, "Not Found"'


def test_a_refusal_can_name_a_more_precise_error(connect, serve):
    gone = Refusal(reason="gone", error=RondoClubNotFoundError)
    script = serve(httpx.Response(404))

    with pytest.raises(RondoClubNotFoundError):
        connect(script.url, explain=lambda _: gone).ask("get", "GET", "/")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"null", b'"text"', b"\xff"])
def test_an_answer_that_is_not_an_object_is_an_error(connect, serve, body):
    script = serve(httpx.Response(200, content=body))

    with pytest.raises(LapostaError) as caught:
        connect(script.url).ask_object("upsert", "GET", "/")

    assert str(caught.value) == "laposta: upsert: the answer is not a JSON object"
    assert len(script.received) == 1


def test_an_answer_that_is_not_json_decodes_to_none():
    assert decoded(httpx.Response(200, content=b"\xff{")) is None


def test_an_answer_that_takes_too_long_is_given_up(connect, serve):
    script = serve("hang")

    with pytest.raises(LapostaError, match="no answer in time"):
        connect(script.url, timeout=0.3).ask("upsert", "GET", "/")

    script.wait_for(4)
    assert len(script.received) == 4


def test_attempts_are_logged_for_the_curious_only(connect, serve, caplog):
    script = serve(httpx.Response(500), OK)

    with caplog.at_level(logging.DEBUG, logger="pipelines"):
        connect(script.url).ask("upsert", "GET", "/", subject="X1")

    ours = [record for record in caplog.records if record.name.startswith("pipelines")]
    assert [(record.levelno, record.getMessage()) for record in ours] == [
        (logging.DEBUG, 'laposta: upsert X1: 500, "Internal Server Error"')
    ]


def test_a_proxy_of_the_environment_is_not_for_this_machine(connect, serve, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    script = serve(OK)

    assert connect(script.url).ask_object("upsert", "GET", "/") == {}


def test_the_words_of_a_system_fit_on_one_line_and_cannot_move_the_cursor():
    assert one_line("a\n b\x1b[2J\tc\u202e" + "d" * 1000) == "a b [2J c " + "d" * 290


def test_a_pace_keeps_calls_apart(monkeypatch):
    now, pauses = [100.0], []
    monkeypatch.setattr(http.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(http.time, "sleep", pauses.append)
    pace = Pace(2.0)

    pace.wait()
    now[0] += 0.5
    pace.wait()
    now[0] += 5
    pace.wait()

    assert pauses == [1.5]
