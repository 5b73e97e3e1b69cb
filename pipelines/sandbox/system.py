"""What all systems of the sandbox have in common: routes, checks of the caller, faults, and a record of every request."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import ClassVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pipelines.sandbox.calls import Call, Received, Requests, read_call
from pipelines.sandbox.faults import Fault, FaultKind, Strikes

Handler = Callable[[Call], Response]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


class System(ABC):
    """One external system. Its handlers run one at a time, in the thread that serves."""

    name: ClassVar[str]

    @abstractmethod
    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        """Method, path (as Starlette writes it) and handler."""

    @abstractmethod
    def settings(self, url: str) -> Mapping[str, str]:
        """The environment variables that lead a client here."""

    @abstractmethod
    def refuse_caller(self, call: Call) -> Response | None:
        """The answer to a caller who may not do this, or None."""

    @abstractmethod
    def subject(self, call: Call) -> str:
        """What a request is about, the same on every run: a KNVB ID or an e-mail address, else the path."""

    @abstractmethod
    def fail(self, fault: Fault, call: Call) -> Response:
        """How this system words 429, 500 and a refusal."""

    @abstractmethod
    def no_route(self, call: Call) -> Response:
        """The answer where there is nothing."""


class _Unanswered(Response):
    """Closes the connection instead of answering."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del send  # nothing is said
        scope["state"]["drop"]()  # put there by the server's protocol
        while (await receive())["type"] != "http.disconnect":
            pass


def application(system: System, *, strikes: Strikes, requests: Requests) -> Starlette:
    """The ASGI application of a system."""

    def endpoint(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            call = await read_call(request)
            response = system.refuse_caller(call) or await _handle(system, handler, call, strikes)
            requests.add(_received(system, call, response))
            return response

        return answer

    routes = [Route(path, endpoint(handler), methods=[method]) for method, path, handler in system.routes()]
    return Starlette(routes=[*routes, Route("/{path:path}", endpoint(system.no_route), methods=METHODS)])


async def _handle(system: System, handler: Handler, call: Call, strikes: Strikes) -> Response:
    fault = strikes.strike(system.name, call, system.subject)
    if fault is None:
        return handler(call)
    match fault.kind:
        case FaultKind.DROPPED:
            return _Unanswered()
        case FaultKind.LOST:
            handler(call)
            return _Unanswered()
        case FaultKind.SLOW:
            await asyncio.sleep(fault.seconds)
            return handler(call)
        case _:
            return system.fail(fault, call)


def _received(system: System, call: Call, response: Response) -> Received:
    status = None if isinstance(response, _Unanswered) else response.status_code
    return Received(system=system.name, method=call.method, path=call.path, query=call.query, body=call.body, status=status)
