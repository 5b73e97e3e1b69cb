"""Serves the receiver: where it listens, who may reach it, and how long a connection may dawdle."""

import ipaddress
import os
import signal
import socket
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from otel_sqlite.applier import prune, recover
from otel_sqlite.errors import ReceiverError
from otel_sqlite.receiver.application import Conduct, application
from otel_sqlite.receiver.intake import Intake
from otel_sqlite.receiver.wire import Limits
from otel_sqlite.store.connection import is_there

if TYPE_CHECKING:
    import asyncio

    from starlette.types import ASGIApp

    from otel_sqlite.settings import ReceiverToken, Settings

PORT: Final = 4318  # OTLP/HTTP
HOST: Final = "127.0.0.1"

_LEAST_TOKEN: Final = 16
_CONNECTIONS: Final = 512  # fewer than files a process may open, more than the application takes requests
_IDLE_TIMEOUT_S: Final = 75
_HEAD_TIMEOUT_S: Final = 10.0
_GRACE_S: Final = 10
_TENDING_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to listen.

    Attributes:
        host: An address, or a name of one.
        port: 0 lets the kernel choose.
    """

    host: str = HOST
    port: int = PORT

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tending:
    """What is done for the store beside receiving: where no pipeline runs and nobody asks, nobody else does it.

    Attributes:
        settings: Where the store is, and how long things are kept.
        clock: The time in nanoseconds.
        every_s: How often.
    """

    settings: "Settings"
    clock: Callable[[], int] = field(default=time.time_ns)
    every_s: float = 600.0

    def look_after(self) -> None:
        """Record what dead processes left, label runs that fell silent, and delete what is too old.

        Raises:
            StoreError: The database cannot be written now.
        """
        end = time.monotonic() + _TENDING_TIMEOUT_S
        recover(self.settings.path, _TENDING_TIMEOUT_S, self.clock)
        if is_there(self.settings.path, self.settings.path):
            prune(self.settings.path, self.settings.retention_days, lambda: time.monotonic() < end, self.clock)


def serve(place: Place, conduct: Conduct, limits: Limits, tending: Tending, announce: Callable[[str], object]) -> None:
    """Receive until the process is told to end, then finish what is under way.

    Args:
        place: Where to listen.
        conduct: How clients are treated; off loopback they have to show a token.
        limits: What a request may hold.
        tending: The store, and what is done for it.
        announce: Told the URL once connections are taken.

    Raises:
        ReceiverError: It may not, or cannot, listen there.
    """
    if conduct.token is None and not place.is_loopback:
        raise ReceiverError(
            f"{place.host} can be reached by other machines, so clients have to show a token: set OTEL_SQLITE_RECEIVER_TOKEN, or "
            f"--token-file to a file that only you can read; without one, listen on {HOST}"
        )
    serving = server(application(Intake(tending.settings.path, limits), conduct, tending.look_after, tending.every_s))
    with listen(place) as listener:
        # Before the server runs it must hear a signal, too; when it is done it raises the one that ended it again, in vain.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, serving.handle_exit)
        announce(url(listener))
        serving.run([listener])


def server(app: "ASGIApp") -> uvicorn.Server:
    """The HTTP server of an application; it logs through ``logging`` alone."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=_ImpatientProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_IDLE_TIMEOUT_S,
            timeout_graceful_shutdown=_GRACE_S,
        )
    )


def listen(place: Place) -> socket.socket:
    """A listening socket.

    Raises:
        ReceiverError: Nobody can listen there, or somebody else does.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)  # with its protocol, or asyncio leaves it with delayed packets
    except OSError as error:
        raise ReceiverError(f"cannot listen on {place.host}: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise ReceiverError(f"cannot listen on {place.host}, port {place.port}: {error.strerror}") from error
    return listener


def url(listener: socket.socket) -> str:
    """Where a listening socket can be reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def find_token(given: "ReceiverToken") -> str | None:
    """The secret that clients have to show; None when none is set.

    Raises:
        ReceiverError: The file cannot be read, or others can read it, or what it holds is no secret.
    """
    token = given.value if given.file is None else _read_secret(given.file)
    if token is None:
        return None
    if len(token) < _LEAST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise ReceiverError(f"the token has to have {_LEAST_TOKEN} characters or more, ASCII and without spaces")
    return token


def _read_secret(file: Path) -> str:
    try:
        with file.open() as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if stat.S_IMODE(mode) & 0o077:
                raise ReceiverError(f"{file} can be read by others: chmod 600 {file}")
            return opened.readline().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ReceiverError(f"{file} cannot be read: {error}") from error


class _ImpatientProtocol(H11Protocol):
    """Lets go of connections that take too long to begin a request: uvicorn waits for ever for the first, and for half a head.

    Lets go at once of those that are too many: uvicorn's own limit answers requests in a way that is not OTLP's.
    """

    _patience: "asyncio.TimerHandle | None" = None

    def connection_made(self, transport: "asyncio.Transport") -> None:  # type: ignore[override]  # as the class above does
        super().connection_made(transport)
        if len(self.connections) > _CONNECTIONS:
            transport.abort()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._calm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def _watch(self) -> None:
        """Lose patience unless a request is under way: also with what still comes of one that was answered early."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._calm()
        elif self._patience is None:
            self._patience = self.loop.call_later(_HEAD_TIMEOUT_S, self.transport.abort)

    def _calm(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
