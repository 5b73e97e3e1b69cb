"""What the clients of web sites share: a session that begins when it is first needed and is renewed when it has ended."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from pipelines.clients.http import Client, Http
from pipelines.clients.http_site import HttpSite
from pipelines.clients.site import SessionEndedError, Site
from pipelines.errors import ClientError, SyncError

if TYPE_CHECKING:
    from pipelines.clients.chromium import Chromium

_Result = TypeVar("_Result")


class SiteClient(Client, ABC):
    """Works as a user of a web site, in one session.

    Args:
        http: The seam to the site.
        url: Where the site is.
        browser: A real browser; None for plain HTTP.
        blocked: Addresses that a browser is better without.
    """

    def __init__(self, http: Http, url: str, browser: "Chromium | None", *, blocked: Sequence[re.Pattern[str]] = ()) -> None:
        super().__init__(http)
        self._site = _make_site(http, url, browser, blocked)
        self._has_session = False
        self._login_error: SyncError | None = None

    def __exit__(self, *exc: object) -> None:
        self._site.close()
        super().__exit__(*exc)

    @abstractmethod
    def _walk_login(self) -> None:
        """Log in, or raise why that did not work."""

    def _as_user(self, work: Callable[[], _Result]) -> _Result:
        """Do something that needs a session; what the page shows is kept where that fails."""
        try:
            return self._in_session(work)
        except ClientError as error:
            self._site.keep_page(error.operation)
            raise

    def _in_session(self, work: Callable[[], _Result]) -> _Result:
        """Do something; all over again where the session ends in the middle of it."""
        if not self._has_session:
            self._log_in()
        try:
            return work()
        except SessionEndedError:
            self._log_in()
            return work()

    def _log_in(self) -> None:
        """Start a session; a login that failed once is not tried again: every item would, and the account be locked."""
        if self._login_error:
            raise self._login_error.with_traceback(None)
        self._has_session = False
        try:
            self._walk_login()
        except SyncError as error:
            self._login_error = error
            raise
        self._has_session = True


def _make_site(http: Http, url: str, browser: "Chromium | None", blocked: Sequence[re.Pattern[str]]) -> Site:
    if browser is None:
        return HttpSite(http)
    from pipelines.clients.browser_site import BrowserSite  # noqa: PLC0415  an extra, which whoever has a browser has

    return BrowserSite(http, url, browser, blocked=blocked)
