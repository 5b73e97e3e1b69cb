"""The port to web sites that have no API: what a user does there with a browser, whoever moves the mouse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pipelines.clients import JsonObject
from pipelines.clients.http import Call
from pipelines.errors import ClientError


class SessionEndedError(ClientError):
    """The site asks for a login where only a user may look."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ask:
    """A request that a page makes by itself, and whose JSON answer is wanted.

    Attributes:
        path: The path of it. A browser looks at its last part alone, and at all of that: a part of the name is in others too.
        query: The query of it. A browser looks for the values, whatever they are called: they say whom the answer is about.
        body: What is sent; None for a GET.
        timeout_s: How long the page may take to ask and to be answered.
        is_required: Whether no answer is an error.
    """

    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: JsonObject | None = None
    timeout_s: float
    is_required: bool = False

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def method(self) -> str:
        """The HTTP method."""
        return "GET" if self.body is None else "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Where a form is, as CSS selectors; `edit` is what has to be clicked before its fields can be written."""

    css: str
    button: str
    edit: str | None = None


class Site(Protocol):
    """One web site, and the page of it that is open."""

    def open(
        self, call: Call, path: str, *, asks: Sequence[Ask] = (), clicks: Sequence[str] = (), follow: bool = False
    ) -> list[Any]:
        """Open a page and return the answers to what it asks for; None for each that did not come.

        Args:
            call: What it is for.
            path: The page.
            asks: What the page asks for, by itself or after the clicks.
            clicks: Selectors of what has to be clicked, in order.
            follow: Whether the site may lead to another page.
        """

    def find(self, *selectors: str, timeout_s: float = 0.0) -> str | None:
        """Return the first of these selectors that the page shows in time; None when it shows none."""

    def text(self, selector: str) -> str:
        """Return a text of the page; empty where there is none."""

    def values(self, form: Form) -> dict[str, str]:
        """Return what the fields of a form hold, by name."""

    def submit(self, call: Call, form: Form, values: Mapping[str, str]) -> None:
        """Fill in a form, send it and open the page that comes of it."""

    def rows(self, call: Call, table: str, source: Ask) -> list[list[str]]:
        """Return the cells of a table that the page fills by itself from `source`, when it is full."""

    def download(self, call: Call, link: str, *, timeout_s: float) -> bytes | None:
        """Return the file behind a link with this text; None when there is no such link."""

    def keep_page(self, operation: str) -> None:
        """Keep what there is to see, for whoever has to find out why this failed."""

    def close(self) -> None:
        """Leave the site."""
