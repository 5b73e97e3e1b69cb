"""A club in a box: the external systems as real HTTP servers on loopback, with a made-up club behind them.

    with running(Path("data/sandbox")) as sandbox:
        settings = Settings.from_env(sandbox.environment)

What the systems hold is kept in the directory, so that the next sandbox there goes on where this one stopped.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.applications import Starlette

from pipelines.errors import SyncError
from pipelines.sandbox.calls import Received, Requests, Upload
from pipelines.sandbox.club import Club, Photo
from pipelines.sandbox.directory import CLUB_FILE, PHOTO_DIR, STATE_DIR, database, locked
from pipelines.sandbox.directory import reset as reset_directory
from pipelines.sandbox.faults import Fault, FaultKind, Faults, Strikes
from pipelines.sandbox.freescout import FreeScout
from pipelines.sandbox.laposta import Laposta
from pipelines.sandbox.nikki import Nikki
from pipelines.sandbox.rondo_club import RondoClub
from pipelines.sandbox.server import serving
from pipelines.sandbox.sportlink import Sportlink
from pipelines.sandbox.system import System, application

__all__ = [
    "Club",
    "Fault",
    "FaultKind",
    "Faults",
    "Photo",
    "Received",
    "Sandbox",
    "SandboxError",
    "Upload",
    "advance",
    "reset",
    "running",
]

MEMBERS = 1069
SEED = 1


class SandboxError(SyncError):
    """The sandbox cannot be had as asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """The systems, running or at rest.

    Attributes:
        environment: The settings that lead the pipelines here, and keep what they remember apart from real state.
        club: What is true in this world; Sportlink and Nikki serve it.
    """

    environment: Mapping[str, str]
    club: Club
    sportlink: Sportlink
    laposta: Laposta
    rondo_club: RondoClub
    nikki: Nikki
    freescout: FreeScout
    _requests: Requests = field(repr=False)
    _club_path: Path = field(repr=False)
    _clock: Callable[[], float] = field(repr=False)

    @property
    def systems(self) -> tuple[System, ...]:
        """All of them."""
        return (self.sportlink, self.laposta, self.rondo_club, self.nikki, self.freescout)

    @property
    def requests(self) -> list[Received]:
        """What the systems received since they run, in the order in which they answered."""
        return self._requests.all()

    def advance(self, days: int = 1) -> None:
        """Let the club live on for some days, of which the last is today; somebody corrects a few persons in Rondo Club by hand.

        The same club changes in the same way on the same of its days.
        """
        from pipelines.sandbox.season import correct_by_hand, live  # noqa: PLC0415  takes Faker, which is slow to load

        last = datetime.fromtimestamp(self._clock(), UTC).date()
        for left in reversed(range(days)):
            correct_by_hand(self.club, self.rondo_club)
            live(self.club, last - timedelta(days=left))
        self.club.save(self._club_path)


@contextmanager
def running(  # noqa: PLR0913  each is a choice of its own, and has a default
    directory: Path,
    *,
    members: int | None = None,
    seed: int | None = None,
    faults: Faults = Faults.none(),  # noqa: B008  a constant
    port_base: int | None = None,
    clock: Callable[[], float] = time.time,
) -> Iterator[Sandbox]:
    """Run the systems until the block ends.

    Args:
        directory: Where their contents are kept; made when it is not there.
        members: How many members the club has; None takes the club that is there, else makes one of 1,069.
        seed: Another seed is another club, with other credentials; None as for the members.
        faults: What goes wrong.
        port_base: The first of consecutive ports; None lets the kernel choose.
        clock: What the systems take for the time, in seconds since 1970.

    Raises:
        AlreadyRunningError: Another process runs a sandbox in this directory.
        SandboxError: The directory holds another club, or a port is taken.
    """
    with _resting(directory, members, seed, clock) as sandbox, ExitStack() as stack:
        requests, strikes = Requests(), Strikes(faults)
        apps = [application(system, strikes=strikes, requests=requests) for system in sandbox.systems]
        urls = stack.enter_context(_serving(apps, port_base))
        environment = _common_settings(directory)
        for system, url in zip(sandbox.systems, urls, strict=True):
            environment |= system.settings(url)
        yield replace(sandbox, environment=environment, _requests=requests)


def advance(directory: Path, days: int) -> Club:
    """Let the club in a directory live on for some days, while nobody uses it; returns it as it is then.

    Raises:
        AlreadyRunningError: A sandbox is using it.
        SandboxError: There is no club.
    """
    if not (directory / CLUB_FILE).exists():
        raise SandboxError(f"{directory} holds no club (run a pipeline with --sandbox there first)")
    with _resting(directory, None, None, time.time) as sandbox:
        sandbox.advance(days)
        return sandbox.club


def reset(directory: Path) -> None:
    """Start afresh: delete what a sandbox keeps in this directory, and nothing else.

    Raises:
        AlreadyRunningError: A sandbox is using it.
    """
    reset_directory(directory, (Laposta.name, RondoClub.name, FreeScout.name))


@contextmanager
def _resting(directory: Path, members: int | None, seed: int | None, clock: Callable[[], float]) -> Iterator[Sandbox]:
    """The systems with their contents, before anybody can reach them."""
    with locked(directory), ExitStack() as stack:
        club_path = directory / CLUB_FILE
        club = _open_club(club_path, members, seed)
        stack.callback(club.save, club_path)  # a test may have changed it
        laposta = Laposta(database(directory, Laposta.name), seed=club.seed, clock=clock)
        rondo_club = RondoClub(database(directory, RondoClub.name), club, clock=clock)
        freescout = FreeScout(database(directory, FreeScout.name), club)
        for system in (laposta, rondo_club, freescout):
            stack.enter_context(closing(system))
        yield Sandbox(
            environment={},
            club=club,
            sportlink=Sportlink(club, club_path, clock=clock),
            laposta=laposta,
            rondo_club=rondo_club,
            nikki=Nikki(club, clock=clock),
            freescout=freescout,
            _requests=Requests(),
            _club_path=club_path,
            _clock=clock,
        )


def _open_club(path: Path, members: int | None, seed: int | None) -> Club:
    """The club of the directory, made up the first time."""
    if not path.exists():
        club = Club.make(size=members or MEMBERS, seed=SEED if seed is None else seed)
        club.save(path)
        return club
    club = Club.load(path)
    asked = (club.size if members is None else members, club.seed if seed is None else seed)
    if (club.size, club.seed) != asked:
        raise SandboxError(
            f"{path.parent} holds a club of {club.size} members made with seed {club.seed}, not {asked[0]} with seed {asked[1]} "
            "(reset the sandbox, or give this one another directory)"
        )
    return club


@contextmanager
def _serving(apps: list[Starlette], port_base: int | None) -> Iterator[list[str]]:
    with ExitStack() as stack:
        try:
            urls = stack.enter_context(serving(apps, port_base=port_base))
        except OSError as error:
            raise SandboxError(f"cannot listen on ports from {port_base}: {error.strerror} (choose other ports)") from error
        yield urls


def _common_settings(directory: Path) -> dict[str, str]:
    """State and photos beside the systems' contents, no waiting, and short pauses before a retry."""
    return {
        "SYNC_STATE_DIR": str(directory / STATE_DIR),
        "SYNC_PHOTO_DIR": str(directory / PHOTO_DIR),
        "SYNC_RETRY_WAIT_S": "0.02",
        "PHOTO_DELAY_S": "0",
        "NIKKI_DELAY_S": "0",
    }
