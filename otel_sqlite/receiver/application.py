"""OTLP/HTTP: what a client is answered, and what is asked of it before its body is read.

200 says that the rows are durable. What may be sent again is answered 429 or 503 with Retry-After; after any other error a client
throws away what it has.
"""

import asyncio
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from otel_sqlite.errors import StoreBusyError, StoreError
from otel_sqlite.receiver import wire
from otel_sqlite.receiver.wire import Encoding, TooLargeError, UndecodableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_sqlite.receiver.intake import Intake

_logger = logging.getLogger(__name__)

TRACES: Final = "/v1/traces"
HEALTH: Final = "/health"

_RETRY_SOON_S: Final = 1
_RETRY_BUSY_S: Final = 5
_RETRY_LATER_S: Final = 60  # somebody has to do something: free space, correct a path
# google.rpc.Code by HTTP status.
_CODES: Final = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 413: 8, 415: 3, 429: 8, 500: 13, 503: 14}
_UNKNOWN: Final = 2
_LOOK_TIMEOUT_S: Final = 1.0
_BODIES: Final = 2  # of the largest size, may be held at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """How the receiver treats its clients.

    Attributes:
        token: What they have to show; None: nothing.
        requests: How many may be in work, or wait for it, at once.
        arriving: How many more may be on their way in: a slow one takes no place from those that have arrived.
        body_timeout_s: How long a client may take to send its request.
        write_timeout_s: How long a request may wait for other writers: less than clients wait for an answer.
    """

    token: str | None = None
    requests: int = 16
    arriving: int = 256
    body_timeout_s: float = 30.0
    write_timeout_s: float = 8.0


class _Places:
    """So many requests at a time; whoever comes after them is refused, to come again soon."""

    def __init__(self, number: int, refusal: str) -> None:
        self._number = number
        self._refusal = refusal
        self._taken = 0

    @contextmanager
    def taken(self) -> "Iterator[None]":
        if self._taken >= self._number:
            raise HTTPException(429, self._refusal, _retry_after(_RETRY_SOON_S))
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1


class Receiver:
    """Answers export requests. One thread does the work, so that the loop goes on answering."""

    def __init__(self, intake: "Intake", conduct: Conduct) -> None:
        """Nothing is opened yet."""
        self._intake = intake
        self._conduct = conduct
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="otel_sqlite receiver")
        self._arriving = _Places(conduct.arriving, "too many requests on their way")
        self._under_way = _Places(conduct.requests, "too many requests at once")
        self._held = 0  # bytes of bodies, from their arrival until they are done with
        self._trouble: type[StoreError] | None = None
        self._look: asyncio.Task[None] | None = None

    async def export(self, request: Request) -> Response:
        """Answer an export request."""
        self._check_caller(request)
        encoding = _encoding(request)
        if encoding is None:
            raise HTTPException(415, f"send {Encoding.PROTOBUF.value} or {Encoding.JSON.value}")
        is_gzip = _is_gzip(request)
        with self._hold() as hold:
            with self._arriving.taken():
                body = await self._body(request, hold)
            with self._under_way.taken():
                rejected = await self._take(body, encoding, is_gzip=is_gzip)
        return Response(wire.response(encoding, rejected), media_type=encoding.value)

    async def health(self, request: Request) -> Response:
        """Answer whether requests can be stored; where the last could not, look again: nobody may send until this says so."""
        del request
        if self._trouble is not None:
            # Behind other requests it may take longer; then the answer is what is known so far.
            await asyncio.wait([self._begin_look()], timeout=_LOOK_TIMEOUT_S)
        if self._trouble is None:
            return _json(200, {"status": "ok"})
        return _json(503, {"status": "unavailable", "reason": f"the dashboard database {self._trouble.problem}"})

    async def check(self) -> None:
        """Look whether requests can be stored."""
        await asyncio.wait([self._begin_look()])

    def _begin_look(self) -> asyncio.Task[None]:
        """The look that is under way, else a new one."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._see())
        return self._look

    async def _see(self) -> None:
        deadline = time.monotonic() + min(self._conduct.write_timeout_s, _LOOK_TIMEOUT_S)
        try:
            await asyncio.get_running_loop().run_in_executor(self._worker, self._intake.check, deadline)
        except StoreBusyError:
            pass  # a request waits longer than a look
        except StoreError as error:
            self._complain(error)
        else:
            self._trouble = None

    async def close(self) -> None:
        """Finish what is under way, and close the database."""
        await asyncio.to_thread(self._worker.shutdown)
        await asyncio.to_thread(self._intake.close)

    def _check_caller(self, request: Request) -> None:
        """Refuse who does not show the token; without one, refuse web pages, which reach a loopback address by a browser."""
        if self._conduct.token is None:
            if "origin" in request.headers:
                raise HTTPException(403, "requests of web pages need a token")
            return
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if not hmac.compare_digest(shown.encode(), self._conduct.token.encode()) or scheme.lower() != "bearer":
            raise HTTPException(401, "show the token: Authorization: Bearer ...", {"WWW-Authenticate": "Bearer"})

    @contextmanager
    def _hold(self) -> "Iterator[Callable[[int], None]]":
        """Gives what takes in so many bytes, which count until the request is done with, or refuses them."""
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            if self._held + size > _BODIES * self._intake.limits.body_bytes:
                raise HTTPException(429, "too much is sent at once", _retry_after(_RETRY_SOON_S))
            held += size
            self._held += size

        try:
            yield hold
        finally:
            self._held -= held

    async def _body(self, request: Request, hold: Callable[[int], None]) -> bytes:
        limit = self._intake.limits.body_bytes
        if int(request.headers.get("content-length", 0)) > limit:  # the server has refused what is no number
            raise HTTPException(413, str(TooLargeError(limit)))
        body = bytearray()
        try:
            async with asyncio.timeout(self._conduct.body_timeout_s):
                async for chunk in request.stream():
                    if len(body) + len(chunk) > limit:
                        raise HTTPException(413, str(TooLargeError(limit)))
                    hold(len(chunk))
                    body += chunk
        except TimeoutError:
            # Not 408, after which a client throws away what it has.
            again = {"Connection": "close", **_retry_after(_RETRY_BUSY_S)}
            raise HTTPException(503, "the request took too long to arrive", again) from None
        except ClientDisconnect:
            raise HTTPException(400, "the request ended before its body did") from None
        return bytes(body)

    async def _take(self, body: bytes, encoding: Encoding, *, is_gzip: bool) -> Mapping[str, int]:
        deadline = time.monotonic() + self._conduct.write_timeout_s
        work = lambda: self._intake.take(body, encoding, deadline, is_gzip=is_gzip)  # noqa: E731 - one line for the thread
        try:
            rejected = await asyncio.get_running_loop().run_in_executor(self._worker, work)
        except UndecodableError as error:
            raise HTTPException(400, str(error)) from error
        except TooLargeError as error:
            raise HTTPException(413, str(error)) from error
        except StoreError as error:
            self._complain(error)
            wait_s = _RETRY_BUSY_S if isinstance(error, StoreBusyError) else _RETRY_LATER_S
            raise HTTPException(503, f"the dashboard database {error.problem}", _retry_after(wait_s)) from error
        if self._trouble is not None:
            self._begin_look()  # a request without a run or a step touched nothing
        return rejected

    def _complain(self, error: StoreError) -> None:
        if type(error) is not self._trouble:
            _logger.warning("%s (clients are told to send again)", error)
        self._trouble = type(error)


def application(
    intake: "Intake", conduct: Conduct, look_after: Callable[[], object] = lambda: None, every_s: float = 600.0
) -> Starlette:
    """The receiver as an ASGI application.

    Args:
        intake: Takes the bodies; closed when the application ends.
        conduct: How clients are treated.
        look_after: What is to be done to the store from time to time, in a thread; it may take some seconds.
        every_s: How often.
    """
    receiver = Receiver(intake, conduct)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tending = asyncio.create_task(_tend(receiver, look_after, every_s))
        try:
            yield
        finally:
            tending.cancel()
            with suppress(asyncio.CancelledError):
                await tending
            await receiver.close()

    app = Starlette(
        routes=[Route(TRACES, receiver.export, methods=["POST"]), Route(HEALTH, receiver.health, methods=["GET"])],
        exception_handlers={HTTPException: _refuse, Exception: _refuse},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


async def _tend(receiver: Receiver, look_after: Callable[[], object], every_s: float) -> None:
    while True:
        try:
            await receiver.check()  # who starts it with a wrong path is to read so at once
            await asyncio.to_thread(look_after)
        except StoreError as error:
            _logger.info("the store is looked after later: %s", error)
        except Exception:  # receiving goes on, whatever becomes of the rest
            _logger.exception("looking after the store failed, receiving goes on")
        await asyncio.sleep(every_s)


async def _refuse(request: Request, error: Exception) -> Response:
    """Any error as a google.rpc.Status; one that is not meant for the client is a fault of ours, which the server logs."""
    if not isinstance(error, HTTPException):
        error = HTTPException(500, "the receiver failed")
    encoding = _encoding(request) or Encoding.JSON
    body = wire.error_status(encoding, _CODES.get(error.status_code, _UNKNOWN), error.detail)
    return Response(body, error.status_code, error.headers, media_type=encoding.value)


def _encoding(request: Request) -> Encoding | None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Encoding(kind) if kind in set(Encoding) else None


def _is_gzip(request: Request) -> bool:
    """Whether the body is compressed; raises for a compression that is not known, or several."""
    codings = ",".join(request.headers.getlist("content-encoding")).strip().lower()
    if codings not in {"", "identity", "gzip"}:
        raise HTTPException(415, "send the body as it is, or with Content-Encoding: gzip", {"Accept-Encoding": "gzip"})
    return codings == "gzip"


def _json(status: int, document: object) -> Response:
    return Response(json.dumps(document), status, media_type=Encoding.JSON.value)


def _retry_after(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(seconds)}
