import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Event, Thread
from typing import Any

import httpx
import pytest

from pipelines.sandbox import Fault, Faults, Sandbox, running
from pipelines.settings import BrowserSettings, Settings

HANG = "hang"


class Script:
    """A server that answers what it is told to, whatever it is asked, and writes down what it was asked.

    An answer is a response, "drop" (the connection is closed) or "hang" (nothing happens); the last one is repeated.
    """

    def __init__(self, url: str, answers: list[httpx.Response | str]) -> None:
        self.url = url
        self.answers = answers
        self.received: list[str] = []
        self.bodies: list[str] = []
        self._arrival = Condition()

    def next(self, request: str, body: str) -> httpx.Response | str:
        with self._arrival:
            self.received.append(request)
            self.bodies.append(body)
            self._arrival.notify_all()
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def wait_for(self, number: int) -> None:
        """Wait until so many requests were received: who gave up waiting for an answer may be earlier than the server."""
        with self._arrival:
            assert self._arrival.wait_for(lambda: len(self.received) >= number, 60)


@contextmanager
def _served(answers: list[httpx.Response | str]) -> Iterator[Script]:
    closing = Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = script.next(f"{self.command} {self.path}", body.decode(errors="replace"))
            if not isinstance(answer, str):
                self._send(answer)
                return
            if answer == HANG:
                closing.wait()
            self.close_connection = True

        def _send(self, answer: httpx.Response) -> None:
            self.send_response(answer.status_code)
            for name, value in {"Content-Length": str(len(answer.content)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815  the names that http.server looks for

        def log_message(self, *_args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        script = Script(f"http://127.0.0.1:{server.server_port}", answers)
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield script
        finally:
            closing.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., Script]]:
    """Starts a server with these answers."""
    with ExitStack() as opened:
        yield lambda *answers: opened.enter_context(_served(list(answers)))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Sandbox]]:
    """Starts a small sandbox club with these faults."""
    with ExitStack() as opened:

        def start_(*rules: Fault) -> Sandbox:
            return opened.enter_context(running(tmp_path / "sandbox", members=20, faults=Faults(rules=rules)))

        yield start_


@pytest.fixture
def sandbox(start: Callable[..., Sandbox]) -> Sandbox:
    return start()


@pytest.fixture
def settings(sandbox: Sandbox) -> Settings:
    return Settings.from_env(sandbox.environment)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real browser; a test that needs it is skipped where there is none, unless REQUIRE_BROWSER is set."""
    missing = _missing_for_a_browser()
    if missing and os.environ.get("REQUIRE_BROWSER"):
        pytest.fail(f"REQUIRE_BROWSER is set, and {missing}")
    if missing:
        pytest.skip(missing)
    from pipelines.clients.chromium import Chromium  # noqa: PLC0415  an extra

    settings = BrowserSettings(chromium=os.environ.get("SYNC_CHROMIUM", ""), debug_dir=tmp_path_factory.mktemp("run") / "debug")
    with Chromium(settings) as chromium:
        yield chromium


@pytest.fixture(params=["http", pytest.param("browser", marks=pytest.mark.browser)])
def browser(request: pytest.FixtureRequest) -> Any:
    """How a site is used: a rule that asks for this holds for plain HTTP (None) and for a real browser."""
    return request.getfixturevalue("chromium") if request.param == "browser" else None


def _missing_for_a_browser() -> str | None:
    try:
        import playwright.sync_api  # noqa: F401, PLC0415  an extra
    except ImportError:
        return "playwright is not installed (pip install 'otel-sqlite[browser]')"
    named = os.environ.get("SYNC_CHROMIUM")
    if not (Path(named).is_file() if named else any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))):
        return "there is no Chromium (apt-get install chromium, or name it in SYNC_CHROMIUM)"
    return None
