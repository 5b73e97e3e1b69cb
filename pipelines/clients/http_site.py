"""Web sites over plain HTTP: forms are followed and the requests of a page are made for it; no script runs."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin

import httpx
from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipelines.clients.http import Call, Http, decoded
from pipelines.clients.site import Ask, Form
from pipelines.errors import ClientError


class HttpSite:
    """Implements `Site` where the pages are known well enough to do without a browser."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._url = ""
        self._page = LexborHTMLParser("")

    def open(
        self, call: Call, path: str, *, asks: Sequence[Ask] = (), clicks: Sequence[str] = (), follow: bool = False
    ) -> list[Any]:
        """Get the page, then what its script would ask for."""
        del clicks  # they only make the script ask
        self._show(self._http.ask(call.operation, "GET", path, subject=call.subject, follow_redirects=follow))
        return [self._answer(call, ask) for ask in asks]

    def find(self, *selectors: str, timeout_s: float = 0.0) -> str | None:
        """Look at the page, which does not change by itself."""
        del timeout_s
        return next((selector for selector in selectors if self._page.css_first(selector)), None)

    def text(self, selector: str) -> str:
        """Return a text of the page."""
        node = self._page.css_first(selector)
        return node.text() if node else ""

    def values(self, form: Form) -> dict[str, str]:
        """Return what the fields hold, with the hidden ones, which have to go back."""
        return {_attribute(field, "name"): _attribute(field, "value") for field in self._page.css(f"{form.css} input[name]")}

    def submit(self, call: Call, form: Form, values: Mapping[str, str]) -> None:
        """Send the form as a browser does."""
        node = self._page.css_first(form.css)
        if node is None:
            raise self._http.fail(call, "the page has no form")
        response = self._http.ask(
            call.operation,
            "POST",
            urljoin(self._url, _attribute(node, "action")),
            subject=call.subject,
            repeatable=call.repeatable,
            data={**self.values(form), **values},
            follow_redirects=True,
        )
        self._show(response)

    def rows(self, call: Call, table: str, source: Ask) -> list[list[str]]:
        """Ask for what the script would fill the table with."""
        del table
        answer = self._answer(call, source)
        rows = answer.get("data") if isinstance(answer, dict) else None
        if not (isinstance(rows, list) and all(isinstance(row, list) for row in rows)):
            raise self._http.fail(call, "the table has no rows to show")
        return [[str(cell) for cell in row] for row in rows]

    def download(self, call: Call, link: str, *, timeout_s: float) -> bytes | None:
        """Get what the link leads to."""
        found = next((node for node in self._page.css("a[href]") if node.text(strip=True) == link), None)
        if found is None:
            return None
        url = urljoin(self._url, _attribute(found, "href"))
        return self._http.ask(call.operation, "GET", url, subject=call.subject, timeout=timeout_s).content

    def keep_page(self, operation: str) -> None:
        """Keep nothing: the error says what the page said, and nothing was drawn."""

    def close(self) -> None:
        """Nothing is left open: the connections are the client's."""

    def _answer(self, call: Call, ask: Ask) -> Any:
        content = {"params": ask.query} if ask.body is None else {"params": ask.query, "json": ask.body}
        try:
            response = self._http.ask(
                call.operation, ask.method, ask.path, subject=call.subject, timeout=ask.timeout_s, **content
            )
        except ClientError as error:
            if ask.is_required or error.status != HTTPStatus.NOT_FOUND:
                raise
            return None
        return decoded(response)

    def _show(self, response: httpx.Response) -> None:
        self._url = str(response.url)
        self._page = LexborHTMLParser(response.text)


def _attribute(node: LexborNode, name: str) -> str:
    return node.attributes.get(name) or ""
