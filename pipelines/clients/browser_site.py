"""Web sites in a real browser."""

import logging
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
from playwright.sync_api import Error, Locator, Page, Request, Response
from playwright.sync_api import TimeoutError as TooLateError

from pipelines.clients.chromium import Chromium
from pipelines.clients.http import Call, Http, decoded
from pipelines.clients.site import Ask, Form
from pipelines.errors import ClientError

logger = logging.getLogger(__name__)

_LOOK_EVERY_MS = 20
_DRAWING_MS = 500
_MOST_KEPT = 20

_JUDGED_HEADERS = ("content-type", "location", "retry-after")
_READ_CELLS = "table => Array.from(table.querySelectorAll('tbody tr'), row => Array.from(row.cells, cell => cell.innerText))"


class BrowserSite:
    """Implements `Site` with a page of a browser.

    Args:
        http: Judges answers as it judges its own; nothing is sent through it.
        url: Where the site is.
        chromium: The browser.
        blocked: Addresses that the site is better without.
    """

    def __init__(self, http: Http, url: str, chromium: Chromium, *, blocked: Sequence[re.Pattern[str]] = ()) -> None:
        self._http = http
        self._url = url
        self._chromium = chromium
        self._blocked = blocked
        self._opened: Page | None = None
        self._has_failed = False
        self._kept = 0

    def open(
        self, call: Call, path: str, *, asks: Sequence[Ask] = (), clicks: Sequence[str] = (), follow: bool = False
    ) -> list[Any]:
        """Go to the page, having listened for the answers before anything could make it ask."""
        return self._http.repeat(lambda: self._open_once(call, path, asks, clicks, follow=follow))

    def find(self, *selectors: str, timeout_s: float = 0.0) -> str | None:
        """Wait until one of the selectors is seen."""
        page = self._page()
        with suppress(TooLateError):
            page.locator(", ".join(selectors)).first.wait_for(timeout=timeout_s * 1000 or 1)  # 0 would wait for ever
        return next((selector for selector in selectors if page.locator(selector).count()), None)

    def text(self, selector: str) -> str:
        """Return a text of the page."""
        found = self._page().locator(selector)
        return found.first.inner_text() if found.count() else ""

    def values(self, form: Form) -> dict[str, str]:
        """Return what the fields hold now."""
        fields = self._page().locator(f"{form.css} input[name]").all()
        return {field.get_attribute("name") or "": field.input_value() for field in fields}

    def submit(self, call: Call, form: Form, values: Mapping[str, str]) -> None:
        """Type, click, and wait for the page that comes of it; never a second time."""
        with self._acting(call) as page:
            shown = page.locator(form.css)
            if not shown.count():
                raise self._http.fail(call, "the page has no form")
            if form.edit:
                page.locator(form.edit).first.click()
            for name, value in values.items():
                shown.locator(f'[name="{name}"]').fill(value)
            with page.expect_navigation() as navigation:
                shown.locator(form.button).first.click()
            self._judge(call, navigation.value)

    def rows(self, call: Call, table: str, source: Ask) -> list[list[str]]:
        """Read the table as it stands when nothing is under way and nothing is drawn any more: too early, rows are missing."""
        with self._acting(call) as page:
            shown = page.locator(table).first
            shown.locator("tbody tr").first.wait_for(state="attached", timeout=source.timeout_s * 1000)
            page.wait_for_load_state("networkidle")
            rows, before = _cells(shown), None
            while rows != before:
                page.wait_for_timeout(_DRAWING_MS)
                rows, before = _cells(shown), rows
            return rows

    def download(self, call: Call, link: str, *, timeout_s: float) -> bytes | None:
        """Click the link and wait for the file."""
        with self._acting(call) as page:
            found = page.get_by_role("link", name=link, exact=True)
            if not found.count():
                return None
            with page.expect_download(timeout=timeout_s * 1000) as download:
                found.first.click()
            return download.value.path().read_bytes()

    def keep_page(self, operation: str) -> None:
        """Write down what the page looks like; the first failures of a run tell enough."""
        if self._opened is None or self._kept == _MOST_KEPT:
            return
        self._kept += 1
        name = f"{self._http.system}-{operation.replace(' ', '-')}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{self._kept}"
        directory = self._chromium.debug_dir
        with suppress(Error, OSError):  # nothing here is worth another failure
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for suffix, content in ((".png", self._opened.screenshot()), (".html", self._opened.content().encode())):
                descriptor = os.open(directory / f"{name}{suffix}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
            logger.info("what the page looked like is in %s", directory / f"{name}.png")

    def close(self) -> None:
        """Close the page, and forget its cookies."""
        if self._opened:
            with suppress(Error):  # the browser may have been ended by the same Ctrl-C
                self._opened.context.close()
        self._opened = None

    # ----------------------------------------------------------------------------------- answers

    def _open_once(self, call: Call, path: str, asks: Sequence[Ask], clicks: Sequence[str], *, follow: bool) -> list[Any]:
        with self._acting(call), _Listener(self._start_page(), self._url, asks) as listener:
            page = self._page()
            response = page.goto(urljoin(self._url, path))
            self._judge(call, response if follow else _first_of(response))
            for click in clicks:
                _click(page.locator(click).first)
            listener.wait()
            return [self._read(call, ask, listener) for ask in asks]

    def _read(self, call: Call, ask: Ask, listener: "_Listener") -> Any:
        if ask in listener.failures:
            raise self._http.fail(call, "connection lost", retryable=True)
        response = listener.answers.get(ask)
        if response is None or response.status == httpx.codes.NOT_FOUND:
            if ask.is_required:
                raise self._http.fail(call, f"the page got no {ask.name} within {ask.timeout_s:.0f} s")
            return None
        self._judge(call, response)
        return decoded(_as_httpx(response))

    def _judge(self, call: Call, response: Response | None) -> None:
        """Raise what the system says with a status that is not 2xx."""
        if response and not response.ok:
            self._http.check(call, _as_httpx(response))

    @contextmanager
    def _acting(self, call: Call) -> Iterator[Page]:
        try:
            yield self._page()
        except Error as error:
            self._has_failed = True
            raise self._translate(call, error) from error
        except ClientError:
            self._has_failed = True
            raise

    def _translate(self, call: Call, error: Error) -> ClientError:
        lost = re.search(r"net::ERR_(\w+)", error.message)
        if lost:
            return self._http.fail(call, f"no connection: {lost[1].lower().replace('_', ' ')}", retryable=True)
        if "Response.body" in error.message:
            return self._http.fail(call, "the answer was lost in the browser", retryable=True)
        too_late = isinstance(error, TooLateError)
        return self._http.fail(call, "no answer in time" if too_late else error.message.splitlines()[0])

    def _page(self) -> Page:
        if self._opened is None:
            self._opened = self._chromium.open_page(blocked=self._blocked)
        return self._opened

    def _start_page(self) -> Page:
        """The page to open something in: another one after a failure, where the browser's own page of it may still be coming."""
        page = self._page()
        if self._has_failed:
            self._opened = page.context.new_page()
            page.close()
            self._has_failed = False
        return self._page()


class _Listener:
    """Notes the answers to what a page asks for while the block is open."""

    def __init__(self, page: Page, url: str, asks: Sequence[Ask]) -> None:
        self._page = page
        self._host = urlsplit(url).netloc
        self._asks = asks
        self.answers: dict[Ask, Response] = {}
        self.failures: set[Ask] = set()

    def __enter__(self) -> Self:
        self._page.on("response", self._note_answer)
        self._page.on("requestfailed", self._note_failure)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._page.remove_listener("response", self._note_answer)
        self._page.remove_listener("requestfailed", self._note_failure)

    def wait(self) -> None:
        """Return when everything was answered, or the time for it is over."""
        until = time.monotonic() + max((ask.timeout_s for ask in self._asks), default=0.0)
        while len(self.answers.keys() | self.failures) < len(self._asks) and time.monotonic() < until:
            self._page.wait_for_timeout(_LOOK_EVERY_MS)

    def _note_answer(self, response: Response) -> None:
        for ask in self._matching(response.request):
            self.answers.setdefault(ask, response)

    def _note_failure(self, request: Request) -> None:
        self.failures.update(self._matching(request))

    def _matching(self, request: Request) -> list[Ask]:
        address = urlsplit(request.url)
        name = address.path.rpartition("/")[2]
        if address.netloc != self._host:
            return []
        values = {value for _, value in parse_qsl(address.query)}
        return [
            ask
            for ask in self._asks
            if (ask.name, ask.method) == (name, request.method) and values.issuperset(ask.query.values())
        ]


def _first_of(response: Response | None) -> Response | None:
    """What the site answered before it led elsewhere."""
    request = response.request if response else None
    while request and request.redirected_from:
        request = request.redirected_from
    return request.response() if request else None


def _as_httpx(response: Response) -> httpx.Response:
    return httpx.Response(
        response.status,
        headers={name: value for name, value in response.headers.items() if name in _JUDGED_HEADERS},
        content=_body(response),
        request=httpx.Request(response.request.method, response.url),
    )


def _body(response: Response) -> bytes:
    try:
        return response.body()
    except Error:
        if response.ok:
            raise
        return b""  # a browser keeps none of a redirect, and not always that of a refusal


def _click(target: Locator) -> None:
    """Click; what can be ticked is ticked in the end, whatever it was."""
    if target.get_attribute("type") == "checkbox":
        target.check()
    else:
        target.click()


def _cells(table: Locator) -> list[list[str]]:
    cells: list[list[str]] = table.evaluate(_READ_CELLS)
    return cells
