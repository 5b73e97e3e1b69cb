"""The systems that a pipeline works with, opened once and closed once."""

import fcntl
import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from pipelines.clients import JsonObject
from pipelines.clients.freescout import FreeScoutClient
from pipelines.clients.laposta import LapostaClient
from pipelines.clients.nikki import NikkiClient
from pipelines.clients.rondo_club import RondoClubClient
from pipelines.clients.sportlink import SportlinkClient
from pipelines.errors import MissingExtraError, StateError
from pipelines.result import Clock, utc_now
from pipelines.settings import BrowserSettings, Settings
from pipelines.state import State

if TYPE_CHECKING:
    from pipelines.clients.chromium import Chromium

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many items of it are done, and how many there are."""

_Item = TypeVar("_Item")


def _tell_nobody(_doing: str, _done: int, _total: int) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class Systems:
    """The clients and the state of one run; nobody is called before a step asks for something."""

    settings: Settings
    sportlink: SportlinkClient
    nikki: NikkiClient
    laposta: LapostaClient
    rondo_club: RondoClubClient
    freescout: FreeScoutClient
    state: State
    progress: Progress = _tell_nobody

    @classmethod
    @contextmanager
    def open(
        cls, settings: Settings, *, browser: bool = False, progress: Progress = _tell_nobody, clock: Clock = utc_now
    ) -> Iterator[Self]:
        """Open everything, and close it when the block ends.

        Args:
            settings: Where the systems are.
            browser: Whether a real browser opens the pages of systems that have no API.
            progress: Told how far a step is.
            clock: Tells when something was remembered, and which one-time codes are good.

        Raises:
            StateError: The state cannot be opened.
            MissingExtraError: A browser is wanted, and what drives it is not installed.
        """
        wait_s = settings.retry_wait_s
        with ExitStack() as opened:
            driven = opened.enter_context(_make_chromium(settings.browser)) if browser else None
            yield cls(
                settings=settings,
                sportlink=opened.enter_context(
                    SportlinkClient(settings.sportlink, retry_wait_s=wait_s, browser=driven, clock=clock)
                ),
                nikki=opened.enter_context(NikkiClient(settings.nikki, retry_wait_s=wait_s, browser=driven, clock=clock)),
                laposta=opened.enter_context(LapostaClient(settings.laposta, retry_wait_s=wait_s)),
                rondo_club=opened.enter_context(RondoClubClient(settings.rondo_club, retry_wait_s=wait_s)),
                freescout=opened.enter_context(FreeScoutClient(settings.freescout, retry_wait_s=wait_s)),
                state=opened.enter_context(_open_state(settings.state_dir, clock)),
                progress=progress,
            )

    @contextmanager
    def editing(self, person_id: int) -> Iterator[JsonObject]:
        """Give a person as Rondo Club has it; until the block ends, no other pipeline on this machine edits it.

        A body is made of what was read: what another pipeline writes in between would be overwritten, and taken for written.
        Blocks are not nested: the end of the inner one would end the outer one's hold as well.

        Raises:
            RondoClubNotFoundError: There is no such person any more.
        """
        with (self.settings.state_dir / "persons.lock").open("ab") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX, 1, person_id)  # a byte a person: others go on; given back with the file
            yield self.rondo_club.get_person(person_id)

    def track(self, items: Sequence[_Item], doing: str) -> Iterator[_Item]:
        """Give the items one by one, and let the operator see how far a step is.

        Args:
            items: What the step handles.
            doing: What it does with them, in a few words: "submitting subscribers".
        """
        if items:
            logger.info("%s: %d", doing, len(items))
        for done, item in enumerate(items, start=1):
            yield item
            self.progress(doing, done, len(items))


def _make_chromium(settings: BrowserSettings) -> "Chromium":
    try:
        from pipelines.clients.chromium import Chromium  # noqa: PLC0415  an extra that nothing else needs
    except ImportError as error:
        raise MissingExtraError("--browser", "browser") from error
    return Chromium(settings)


@contextmanager
def _open_state(directory: Path, clock: Clock) -> Iterator[State]:
    with ExitStack() as opened:
        try:
            state = opened.enter_context(State.open(directory, now=lambda: f"{clock():%Y-%m-%dT%H:%M:%SZ}"))
        except sqlite3.Error as error:
            raise StateError(directory, error) from error
        yield state
