"""Chromium without a window, driven by Playwright: started when the first page is opened, one for all sites of a run."""

import os
import re
import shutil
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from playwright.sync_api import Browser, Error, Page, sync_playwright

from pipelines.clients.http import one_line
from pipelines.errors import MissingBrowserError
from pipelines.settings import BrowserSettings

_TIMEOUT_S = 30.0
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SWITCHES = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# A browser without a window says so in its name, and some sites turn it away for that.
_USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{} Safari/537.36"


class Chromium:
    """The browser; closed with the block."""

    def __init__(self, settings: BrowserSettings) -> None:
        self._settings = settings
        self._running = ExitStack()
        self._browser: Browser | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._browser = None
        with suppress(Error):  # it may have been ended by the same Ctrl-C
            self._running.close()

    @property
    def debug_dir(self) -> Path:
        """Where pages are kept on which something failed."""
        return self._settings.debug_dir

    def open_page(self, *, blocked: Sequence[re.Pattern[str]] = ()) -> Page:
        """Open an empty page with cookies of its own.

        Args:
            blocked: Addresses that it never asks for.

        Raises:
            MissingBrowserError: There is no Chromium, or it does not start.
        """
        if self._browser is None:
            self._browser = self._launch()
        agent = _USER_AGENT.format(self._browser.version)
        context = self._browser.new_context(user_agent=agent, locale="nl-NL", accept_downloads=True)
        context.set_default_timeout(_TIMEOUT_S * 1000)
        for pattern in blocked:
            context.route(pattern, lambda route: route.abort())
        return context.new_page()

    def _launch(self) -> Browser:
        path = self._settings.chromium or next(filter(None, map(shutil.which, _NAMES)), None)
        if path is None:
            raise MissingBrowserError("none on PATH")
        driver = sync_playwright().start()
        self._running.callback(driver.stop)
        try:
            # Chromium refuses to shut itself in where it has all rights.
            browser = driver.chromium.launch(executable_path=path, args=_SWITCHES, chromium_sandbox=os.geteuid() != 0)
        except Error as error:
            self._running.close()
            raise MissingBrowserError(one_line(error.message.splitlines()[0])) from error
        self._running.callback(browser.close)
        return browser
