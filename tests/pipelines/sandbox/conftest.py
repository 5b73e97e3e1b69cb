"""A small sandbox whose time stands still, and browsers that talk to its systems."""

import base64
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pyotp
import pytest
from selectolax.lexbor import LexborHTMLParser

from pipelines.sandbox import Club, Sandbox, running

MEMBERS = 40
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # loading them for every client takes most of the time
NOON = 1_770_465_600.0  # 2026-02-07T12:00:00Z


@dataclass(slots=True)
class Clock:
    """A time that moves when it is told to."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


class Browser(httpx.Client):
    """Follows redirects, keeps cookies, fills in forms."""

    def __init__(self, sandbox: Sandbox, clock: Clock) -> None:
        super().__init__(
            base_url=sandbox.environment["SPORTLINK_URL"], follow_redirects=True, trust_env=False, verify=NO_CERTIFICATES
        )
        self._environment = sandbox.environment
        self._clock = clock

    def code(self) -> str:
        """What the authenticator shows now."""
        return pyotp.TOTP(self._environment["SPORTLINK_OTP_SECRET"]).at(int(self._clock()))

    def submit(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Fill in the form of a page and send it, with whatever it hides."""
        action = LexborHTMLParser(page.text).css_first("form").attributes["action"] or ""
        return self.post(action, data={**self.read_form(page), **fields})

    def read_form(self, page: httpx.Response) -> dict[str, str]:
        """What the inputs of the form on a page hold."""
        inputs = LexborHTMLParser(page.text).css("form input[name]")
        return {node.attributes["name"] or "": node.attributes.get("value") or "" for node in inputs}

    def give_password(self) -> httpx.Response:
        """The first step of the login; gives the page that asks for the code."""
        fields = {name: self._environment[f"SPORTLINK_{name.upper()}"] for name in ("username", "password")}
        return self.submit(self.get("/"), **fields)

    def log_in(self) -> httpx.Response:
        """Both steps of the login."""
        return self.submit(self.give_password(), otp=self.code())

    def text(self, page: httpx.Response, selector: str) -> str | None:
        """The text of an element, None when the page has no such element."""
        node = LexborHTMLParser(page.text).css_first(selector)
        return node.text() if node else None


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def club_text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The small club, made up once."""
    path = tmp_path_factory.mktemp("club") / "club.json"
    Club.make(size=MEMBERS, seed=1).save(path)
    return path.read_text(encoding="utf-8")


@pytest.fixture
def sandbox(tmp_path: Path, clock: Clock, club_text: str) -> Iterator[Sandbox]:
    (tmp_path / "club.json").write_text(club_text, encoding="utf-8")
    with running(tmp_path, members=MEMBERS, clock=clock) as sandbox:
        yield sandbox


@pytest.fixture
def browser(sandbox: Sandbox, clock: Clock) -> Iterator[Browser]:
    with Browser(sandbox, clock) as browser:
        yield browser


class NikkiBrowser(Browser):
    """A browser at Nikki's site."""

    def __init__(self, sandbox: Sandbox, clock: Clock) -> None:
        super().__init__(sandbox, clock)
        self.base_url = sandbox.environment["NIKKI_URL"]

    def code(self) -> str:
        """What the authenticator shows now; its key is plain text."""
        key = base64.b32encode(self._environment["NIKKI_OTP_SECRET"].encode()).decode()
        return pyotp.TOTP(key).at(int(self._clock()))

    def log_in(self, **given: str) -> httpx.Response:
        """The one step of the login."""
        fields = {name: self._environment[f"NIKKI_{name.upper()}"] for name in ("username", "password")}
        return self.submit(self.get("/"), **{**fields, "otp": self.code(), **given})


@pytest.fixture
def nikki(sandbox: Sandbox, clock: Clock) -> Iterator[NikkiBrowser]:
    with NikkiBrowser(sandbox, clock) as browser:
        yield browser


@pytest.fixture
def freescout(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """Somebody with the key."""
    environment = sandbox.environment
    headers = {"X-FreeScout-API-Key": environment["FREESCOUT_API_KEY"]}
    url = f"{environment['FREESCOUT_BASE_URL']}/api"
    with httpx.Client(base_url=url, headers=headers, trust_env=False, verify=NO_CERTIFICATES) as client:
        yield client


@pytest.fixture
def call_laposta() -> Callable[[Sandbox], httpx.Client]:
    """Somebody with the API key."""

    def caller(sandbox: Sandbox) -> httpx.Client:
        environment = sandbox.environment
        auth = (environment["LAPOSTA_API_KEY"], "")
        return httpx.Client(base_url=f"{environment['LAPOSTA_URL']}/v2", auth=auth, trust_env=False, verify=NO_CERTIFICATES)

    return caller


@pytest.fixture
def call_rondo() -> Callable[[Sandbox], httpx.Client]:
    """Somebody with the application password."""

    def caller(sandbox: Sandbox) -> httpx.Client:
        environment = sandbox.environment
        auth = (environment["RONDO_USERNAME"], environment["RONDO_APP_PASSWORD"])
        return httpx.Client(base_url=f"{environment['RONDO_URL']}/wp-json", auth=auth, trust_env=False, verify=NO_CERTIFICATES)

    return caller


@pytest.fixture
def laposta(sandbox: Sandbox, call_laposta: Callable[[Sandbox], httpx.Client]) -> Iterator[httpx.Client]:
    with call_laposta(sandbox) as client:
        yield client


@pytest.fixture
def rondo(sandbox: Sandbox, call_rondo: Callable[[Sandbox], httpx.Client]) -> Iterator[httpx.Client]:
    with call_rondo(sandbox) as client:
        yield client
