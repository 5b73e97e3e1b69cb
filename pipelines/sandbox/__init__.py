"""A club in a box: the external systems as real HTTP servers on loopback, with a made-up club behind them.

    with running(Path("data/sandbox")) as sandbox:
        settings = Settings.from_env(sandbox.environment)

What the systems hold is kept in the directory, so that the next sandbox there goes on where this one stopped.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
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
from pipelines.sandbox.system import application

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
    "reset",
    "running",
]

MEMBERS = 1069
SEED = 1


class SandboxError(SyncError):
    """The sandbox cannot be had as asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """The running systems.

    Attributes:
        environment: The settings that lead the pipelines here, and keep what they remember apart from real state.
        club: What is true in this world; Sportlink serves it.
    """

    environment: Mapping[str, str]
    club: Club
    sportlink: Sportlink
    laposta: Laposta
    rondo_club: RondoClub
    nikki: Nikki
    freescout: FreeScout
    _requests: Requests = field(repr=False)

    @property
    def requests(self) -> list[Received]:
        """What the systems received since they run, in the order in which they answered."""
        return self._requests.all()


@contextmanager
def running(  # noqa: PLR0913  each is a choice of its own, and has a default
    directory: Path,
    *,
    members: int = MEMBERS,
    seed: int = SEED,
    faults: Faults = Faults.none(),  # noqa: B008  a constant
    port_base: int | None = None,
    clock: Callable[[], float] = time.time,
) -> Iterator[Sandbox]:
    """Run the systems until the block ends.

    Args:
        directory: Where their contents are kept; made when it is not there.
        members: How many members the club has.
        seed: Another seed is another club, with other credentials.
        faults: What goes wrong.
        port_base: The first of consecutive ports; None lets the kernel choose.
        clock: What the systems take for the time, in seconds since 1970.

    Raises:
        AlreadyRunningError: Another process runs a sandbox in this directory.
        SandboxError: The directory holds another club, or a port is taken.
    """
    with locked(directory), ExitStack() as stack:
        club_path = directory / CLUB_FILE
        club = _open_club(club_path, members, seed)
        stack.callback(club.save, club_path)  # a test may have changed it
        sportlink = Sportlink(club, club_path, clock=clock)
        laposta = stack.enter_context(closing(Laposta(database(directory, Laposta.name), seed=seed, clock=clock)))
        rondo_club = stack.enter_context(closing(RondoClub(database(directory, RondoClub.name), club, clock=clock)))
        nikki = Nikki(club, clock=clock)
        freescout = stack.enter_context(closing(FreeScout(database(directory, FreeScout.name), club)))
        systems = (sportlink, laposta, rondo_club, nikki, freescout)
        requests, strikes = Requests(), Strikes(faults)
        apps = [application(system, strikes=strikes, requests=requests) for system in systems]
        urls = stack.enter_context(_serving(apps, port_base))
        environment = _common_settings(directory)
        for system, url in zip(systems, urls, strict=True):
            environment |= system.settings(url)
        yield Sandbox(
            environment=environment,
            club=club,
            sportlink=sportlink,
            laposta=laposta,
            rondo_club=rondo_club,
            nikki=nikki,
            freescout=freescout,
            _requests=requests,
        )


def reset(directory: Path) -> None:
    """Start afresh: delete what a sandbox keeps in this directory, and nothing else.

    Raises:
        AlreadyRunningError: A sandbox is using it.
    """
    reset_directory(directory, (Laposta.name, RondoClub.name, FreeScout.name))


def _open_club(path: Path, members: int, seed: int) -> Club:
    """The club of the directory, made up the first time."""
    if not path.exists():
        club = Club.make(size=members, seed=seed)
        club.save(path)
        return club
    club = Club.load(path)
    if (club.size, club.seed) != (members, seed):
        raise SandboxError(
            f"{path.parent} holds a club of {club.size} members made with seed {club.seed}, not {members} with seed {seed} "
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
