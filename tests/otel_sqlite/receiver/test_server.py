"""Where the receiver listens, who may reach it, how it treats slow clients, and how it ends."""

import fcntl
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from otel_sqlite.errors import ReceiverError
from otel_sqlite.receiver import server
from otel_sqlite.receiver.application import Conduct
from otel_sqlite.receiver.server import Place, Tending, find_token, listen, url
from otel_sqlite.receiver.wire import Encoding, Limits
from otel_sqlite.settings import ReceiverToken, Settings
from tests.otel_sqlite.receiver.conftest import NOON_NS, document, encoded, run_span, span

RUN = document(run_span())
TOKEN = "a-secret-of-enough-length"
KIND = {"Content-Type": Encoding.PROTOBUF.value}

# ---------------------------------------------------------------------------------------------- places and tokens


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_these_places_are_reached_by_this_machine_only(host):
    assert Place(host=host).is_loopback


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.4", "example.org", "localhost.example.org", "127.0.0.1.example.org", ""]
)
def test_these_places_are_reached_by_others(host):
    assert not Place(host=host).is_loopback


def secret_file(folder, content, mode=0o600):
    file = folder / "token"
    file.write_bytes(content)
    file.chmod(mode)
    return file


def test_a_token_comes_from_the_environment_or_a_file_that_only_its_owner_reads(tmp_path, monkeypatch):
    assert find_token(ReceiverToken.from_env()) is None
    monkeypatch.setenv("OTEL_SQLITE_RECEIVER_TOKEN", TOKEN)
    assert find_token(ReceiverToken.from_env()) == TOKEN
    assert TOKEN not in repr(ReceiverToken.from_env())
    monkeypatch.setenv("OTEL_SQLITE_RECEIVER_TOKEN_FILE", str(secret_file(tmp_path, b"another-secret-of-length\n")))
    assert find_token(ReceiverToken.from_env()) == "another-secret-of-length"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_token_that_others_can_read_is_refused(tmp_path, mode):
    file = secret_file(tmp_path, TOKEN.encode(), mode)
    with pytest.raises(ReceiverError, match=f"can be read by others: chmod 600 {file}"):
        find_token(ReceiverToken(file=file))


@pytest.mark.parametrize(
    "content", [b"", b"short", b"a secret with spaces in it", "geheim-van-genoeg-léngte".encode(), b"\xff" * 20]
)
def test_what_is_no_secret_is_refused(tmp_path, content):
    with pytest.raises(ReceiverError) as refusal:
        find_token(ReceiverToken(file=secret_file(tmp_path, content)))
    assert "16 characters or more" in str(refusal.value) or "cannot be read" in str(refusal.value)


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_token_file_that_cannot_be_read_is_refused(tmp_path, name):
    with pytest.raises(ReceiverError, match="cannot be read"):
        find_token(ReceiverToken(file=tmp_path / name))


def test_a_place_that_is_taken_is_refused():
    with listen(Place(port=0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ReceiverError, match=f"cannot listen on 127.0.0.1, port {port}: Address already in use"):
            listen(Place(port=port))


def test_a_receiver_can_be_started_again_at_once():
    with listen(Place(port=0)) as listener:
        place = listener.getsockname()
        with socket.create_connection(place), listener.accept()[0] as served:
            served.shutdown(socket.SHUT_RDWR)  # who ends a connection first keeps its port for a while
    listen(Place(port=place[1])).close()


def test_a_host_that_does_not_exist_is_refused():
    with pytest.raises(ReceiverError, match=r"cannot listen on no\.such\.host\.invalid"):
        listen(Place(host="no.such.host.invalid"))


def test_an_address_of_ip_6_is_written_as_urls_have_it():
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        listener = listen(Place(host="::1", port=0))
    except ReceiverError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    with listener:
        assert url(listener) == f"http://[::1]:{listener.getsockname()[1]}"


# ---------------------------------------------------------------------------------------------- slow clients


def dawdle(client, sent):
    """Send the beginning of a request, and wait until the server hangs up; gives what it said."""
    place = (client.base_url.host, client.base_url.port)
    with socket.create_connection(place, timeout=60) as connection:
        connection.sendall(sent)
        said = b""
        while more := connection.recv(1000):
            said += more
    return said


HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize("sent", [b"", b"POST /v1/tra", HEAD], ids=["nothing", "half a line", "half a head"])
def test_a_connection_that_begins_no_request_is_dropped(receiving, monkeypatch, sent):
    monkeypatch.setattr(server, "_HEAD_TIMEOUT_S", 0.05)
    with receiving() as client, suppress(ConnectionResetError):
        assert dawdle(client, sent) == b""


def test_a_body_that_does_not_arrive_in_time_is_503_with_retry_after_and_the_end_of_the_connection(receiving):
    with receiving(conduct=Conduct(body_timeout_s=0.05)) as client:
        said = dawdle(client, HEAD + b"Content-Length: 100\r\n\r\n{")
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 5\r\n" in said.lower()
    assert b"connection: close" in said.lower()
    assert b"took too long" in said


def test_what_still_comes_of_a_request_that_was_refused_is_not_read_for_ever(receiving, monkeypatch):
    with receiving() as client:
        place = (client.base_url.host, client.base_url.port)
        with socket.create_connection(place, timeout=60) as connection:
            connection.sendall(HEAD + b"Content-Length: 1000000000\r\n\r\n")
            assert connection.recv(1_000).startswith(b"HTTP/1.1 413 ")
            monkeypatch.setattr(server, "_HEAD_TIMEOUT_S", 0.05)
            with pytest.raises(ConnectionError):
                until_refused(connection)


def until_refused(connection):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        connection.sendall(b"x")


def test_a_client_that_hangs_up_in_its_body_harms_nobody(client, send, path):
    place = (client.base_url.host, client.base_url.port)
    with socket.create_connection(place) as connection:
        connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
    assert send(client, b"").status_code == 200
    assert not path.exists()


@contextmanager
def arriving(client, begun=b"{"):
    """A request of a thousand bytes that is on its way in, as the receiver has said, and does not get further than this."""
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=60) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(1_000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(begun)
        yield


def test_slow_clients_take_no_place_from_those_that_have_sent_all(receiving, send):
    with receiving(conduct=Conduct(requests=1)) as client, arriving(client), arriving(client):
        assert send(client, RUN).status_code == 200


def test_more_requests_on_their_way_than_are_taken_are_429_with_retry_after(receiving, send, until):
    with receiving(conduct=Conduct(arriving=1)) as client:
        with arriving(client):
            answer = send(client, RUN)
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
            assert b"too many requests on their way" in answer.content
        assert until(lambda: send(client, RUN).status_code == 200)


def test_more_bytes_at_once_than_two_bodies_may_have_are_429_until_they_are_done_with(receiving, send, until):
    most = b"{}" + b" " * 298
    with receiving(limits=Limits(body_bytes=1_000)) as client:
        with arriving(client, b" " * 900), arriving(client, b" " * 900):
            answer = until(lambda: next((a for a in [send(client, most, Encoding.JSON)] if a.status_code != 200), None))
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
            assert answer.json() == {"code": 8, "message": "too much is sent at once"}
            assert send(client, b"{}", Encoding.JSON).status_code == 200
        assert until(lambda: send(client, most, Encoding.JSON).status_code == 200)
        assert [send(client, most, Encoding.JSON).status_code for _ in range(10)] == [200] * 10


def test_connections_that_are_too_many_are_let_go_at_once(receiving, send, monkeypatch):
    monkeypatch.setattr(server, "_CONNECTIONS", 2)
    with receiving() as client:
        assert send(client, RUN).status_code == 200
        with arriving(client), suppress(ConnectionResetError):
            assert dawdle(client, HEAD) == b""
        assert send(client, RUN).status_code == 200


def test_a_connection_is_used_again(client, send, monkeypatch):
    assert send(client, RUN).status_code == 200
    monkeypatch.setattr(server, "_HEAD_TIMEOUT_S", 0.01)
    for _ in range(2):
        assert send(client, RUN).status_code == 200


# ---------------------------------------------------------------------------------------------- the store is looked after


def test_looking_after_the_store_labels_what_fell_silent_and_deletes_what_is_too_old(client, send, path, read):
    day_s = 24 * 3600
    old = [run_span(9, seconds=(-500 * day_s, -500 * day_s)), span(8, seconds=(-1, 0), cicd__pipeline__name="people")]
    old[0] = {**old[0], "traceId": "aa" * 16}
    old.append(span(10, seconds=(-380 * day_s, -380 * day_s), cicd__pipeline__name="nikki"))  # time has passed, it did not leap
    silent = {**span(2, parent=7, cicd__pipeline__task__name="submit")}
    send(client, document(*old, silent))
    now = [NOON_NS + (day_s - 1) * 1_000_000_000]
    tending = Tending(settings=Settings(path=path, retention_days=400), clock=lambda: now[0])

    tending.look_after()
    assert read("SELECT outcome FROM runs WHERE end_reason IS NULL") == [("running",)]
    now[0] += 3 * 1_000_000_000
    tending.look_after()
    assert read("SELECT outcome, end_reason, finished_at FROM runs WHERE pipeline = 'unknown'") == [
        ("failure", "lost_contact", "2026-02-02T02:40:01.000Z")
    ]
    assert read("SELECT COUNT(*) FROM runs WHERE pipeline = 'people'") == [(1,)]
    send(client, document({**span(3, parent=7, seconds=(2, 3), cicd__pipeline__task__name="verify")}))
    assert read("SELECT outcome, end_reason FROM runs WHERE pipeline = 'unknown'") == [("running", None)]


def test_looking_after_a_store_that_is_not_there_makes_none(path):
    Tending(settings=Settings(path=path)).look_after()
    assert not path.exists()


# ---------------------------------------------------------------------------------------------- the command


@pytest.fixture
def start(path):
    """Start the command in a process of its own; gives the process and its URL."""
    processes = []

    def starting(*arguments, **environment):
        process = subprocess.Popen(
            [Path(sys.executable).with_name("otel-sqlite"), "receive", "--port", "0", "--path", str(path), *arguments],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        line = process.stdout.readline()
        assert line.startswith("receiving OTLP at http://"), process.communicate()
        assert line.endswith(f", recording in {path}\n")
        return process, line.split()[3].removesuffix("/v1/traces,")

    yield starting
    for process in processes:
        process.kill()
        process.communicate()


def post(at, said=RUN, **headers):
    body = encoded(said, Encoding.PROTOBUF)
    return httpx.post(f"{at}/v1/traces", content=body, headers={**KIND, **headers}, trust_env=False, timeout=60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_when_told_to_after_it_answered_what_is_under_way(start, path, read, number):
    process, at = start()
    assert post(at).status_code == 200
    answers = []
    with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
        stranger.execute("BEGIN EXCLUSIVE")
        thread = threading.Thread(target=lambda: answers.append(post(at, document(span(2, cicd__pipeline__name="nikki")))))
        thread.start()
        wait_until_queued(path)
        process.send_signal(number)
        refuses_connections(at)
    thread.join()
    assert [answer.status_code for answer in answers] == [200]
    assert (process.wait(60), process.stderr.read()) == (0, "")
    assert read("SELECT pipeline FROM runs ORDER BY 1") == [("nikki",), ("people",)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_when_told_to_before_it_serves(program, number):
    source = f"""
        import signal
        from pathlib import Path
        from otel_sqlite.receiver.application import Conduct
        from otel_sqlite.receiver.server import Place, Tending, serve
        from otel_sqlite.receiver.wire import Limits
        from otel_sqlite.settings import Settings

        tending = Tending(settings=Settings(path=Path("dashboard.sqlite")))
        serve(Place(port=0), Conduct(), Limits(), tending, lambda _: signal.raise_signal({int(number)}))
        print("ended")
    """
    done = program(source)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


def wait_until_queued(path):
    """Until somebody holds the lock before the database."""
    deadline = time.monotonic() + 60
    with (path.with_name(path.name + ".d") / "mutex").open() as mutex:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(mutex, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            fcntl.flock(mutex, fcntl.LOCK_UN)
    raise AssertionError("nobody came")


def refuses_connections(at):
    place = httpx.URL(at)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with suppress(ConnectionResetError):
                socket.create_connection((place.host, place.port)).close()
        except ConnectionRefusedError:
            return
    raise AssertionError("it goes on listening")


def test_what_was_answered_with_200_survives_kill_9_and_what_was_not_is_taken_when_sent_again(start, path, read, content):
    process, at = start()
    assert post(at).status_code == 200
    both = document(run_span(), span(2, cicd__pipeline__name="nikki"))
    failures = []

    def fail():
        with pytest.raises(httpx.TransportError) as failure:
            post(at, both)
        failures.append(failure)

    with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
        stranger.execute("BEGIN EXCLUSIVE")
        thread = threading.Thread(target=fail)
        thread.start()
        wait_until_queued(path)
        process.kill()
        thread.join()
    assert len(failures) == 1
    assert read("SELECT pipeline FROM runs") == [("people",)]

    _, at = start()
    for _ in range(2):
        assert post(at, both).status_code == 200
    assert sorted(row[4] for row in content(path)[0]) == ["nikki", "people"]


def test_beyond_loopback_the_command_wants_a_token(start, path):
    refused = subprocess.run(
        [Path(sys.executable).with_name("otel-sqlite"), "receive", "--host", "0.0.0.0", "--port", "0", "--path", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith(
        "otel-sqlite: 0.0.0.0 can be reached by other machines, so clients have to show a token: set "
    )

    _, at = start("--host", "0.0.0.0", OTEL_SQLITE_RECEIVER_TOKEN=TOKEN)
    at = at.replace("0.0.0.0", "127.0.0.1")
    assert post(at).status_code == 401
    assert post(at, Authorization=f"Bearer {TOKEN}").status_code == 200


def test_limits_and_a_token_file_come_from_options(start, tmp_path):
    file = secret_file(tmp_path, TOKEN.encode())
    _, at = start("--token-file", str(file), "--max-spans", "1", "--max-mib", "1", "--max-attributes", "2")
    key = {"Authorization": f"Bearer {TOKEN}"}
    assert b"over the limit of 1 spans" in post(at, document(run_span(), run_span(2)), **key).content
    assert b"more than 2 attributes" in post(at, document(run_span(a=1)), **key).content
    assert httpx.post(f"{at}/v1/traces", content=b" " * 1_048_577, headers={**KIND, **key}, trust_env=False).status_code == 413


def test_without_its_extra_the_command_says_what_to_install(program):
    ended = program(
        """
        import sys
        sys.modules["uvicorn"] = None
        sys.argv = ["otel-sqlite", "receive"]
        from otel_sqlite.cli import main
        main()
        """
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "otel-sqlite: otel-sqlite receive needs the extra 'receiver': pip install 'otel-sqlite[receiver]'\n"


def test_other_commands_load_nothing_of_the_receiver(program):
    ended = program(
        """
        import sys
        import otel_sqlite.cli
        print([name for name in ("google.protobuf", "starlette", "uvicorn", "opentelemetry.proto") if name in sys.modules])
        """
    )
    assert ended.stdout == "[]\n"
