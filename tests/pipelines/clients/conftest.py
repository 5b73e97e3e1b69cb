from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from pipelines.sandbox import Fault, Faults, Sandbox, running
from pipelines.settings import Settings

DROP = "drop"
HANG = "hang"


class Script:
    """A server that answers what it is told to, whatever it is asked, and writes down what it was asked.

    An answer is a response, "drop" (the connection is closed) or "hang" (nothing happens); the last one is repeated.
    """

    def __init__(self, url: str, answers: list[httpx.Response | str]) -> None:
        self.url = url
        self.answers = answers
        self.received: list[str] = []

    def next(self, request: str) -> httpx.Response | str:
        self.received.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def _served(answers: list[httpx.Response | str]) -> Iterator[Script]:
    closing = Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = script.next(f"{self.command} {self.path}")
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
