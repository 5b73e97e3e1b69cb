"""Serves applications on loopback ports from one daemon thread with one event loop."""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Thread

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HOST = "127.0.0.1"
GRACE_S = 2


class _Protocol(H11Protocol):
    """HTTP/1.1 that lets an application close its connection without an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the class above does
        super().connection_made(transport)
        self.app_state = {**self.app_state, "drop": transport.abort}
        # asyncio does this only for sockets whose protocol number is set; without it every second packet waits 40 ms.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class _Server(uvicorn.Server):
    """A server that stops at once: uvicorn's own looks and waits by tenths of a second, which tests feel."""

    def __init__(self, app: ASGIApp, stopping: asyncio.Event) -> None:
        super().__init__(_config(app))
        self._stopping = stopping

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.server_state.tasks:  # somebody waits for an answer
            await super().shutdown(sockets)
        else:
            await self._close_idle()
        for connection in list(self.server_state.connections):  # whoever took too long
            connection.transport.abort()
        await asyncio.sleep(0)

    async def _close_idle(self) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                while self.server_state.connections:  # noqa: ASYNC110  a set of uvicorn's, nothing to wait on
                    await asyncio.sleep(0.001)


@contextmanager
def serving(apps: Sequence[ASGIApp], *, port_base: int | None = None) -> Iterator[list[str]]:
    """Serve each application on a port of its own and give their URLs, in order.

    Args:
        apps: What to serve.
        port_base: The first of consecutive ports; None lets the kernel choose.
    """
    listeners = _listen(len(apps), port_base)
    loop = asyncio.new_event_loop()
    stopping = asyncio.Event()
    thread = Thread(target=_serve, args=(loop, stopping, apps, listeners), name="sandbox", daemon=True)
    thread.start()
    try:
        yield [f"http://{HOST}:{listener.getsockname()[1]}" for listener in listeners]
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join()


def _listen(count: int, port_base: int | None) -> list[socket.socket]:
    """Listening sockets: connections queue from here on, so nobody has to wait for the servers to be up."""
    listeners: list[socket.socket] = []
    try:
        for index in range(count):
            listeners.append(socket.create_server((HOST, port_base + index if port_base else 0)))  # noqa: PERF401  closed below when a later one fails
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def _serve(
    loop: asyncio.AbstractEventLoop,
    stopping: asyncio.Event,
    apps: Sequence[ASGIApp],
    listeners: Sequence[socket.socket],
) -> None:
    async def serve_all() -> None:
        servers = [_Server(app, stopping) for app in apps]
        pairs = zip(servers, listeners, strict=True)
        await asyncio.gather(*(server.serve(sockets=[listener]) for server, listener in pairs))

    # The runner cancels what is left over, such as a connection that was accepted in the last moment.
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(serve_all())


def _config(app: ASGIApp) -> uvicorn.Config:

    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_S,
    )
