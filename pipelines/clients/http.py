"""The seam between the clients and httpx: timeouts, pace, retries, and our errors in place of httpx's."""

import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from http import HTTPStatus
from typing import Any, Self, TypeVar

import httpx
import stamina

from pipelines.clients import JsonObject
from pipelines.errors import ClientError

logger = logging.getLogger(__name__)

TIMEOUT_S = 30.0
ATTEMPTS = 4
_LONGEST_RETRY_AFTER_S = 60.0
_LONGEST_REASON = 300

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_CUT_OFF = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)
_NOT_DONE = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_LOOK_FIRST = "it may have been done all the same: look before it is done again"

# Without this httpx sends what is for this very machine to the proxy that the environment names.
_NO_PROXY = dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]"))


_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a system says with a status that is not 2xx; `error` where a more precise class than the client's fits."""

    reason: str | None = None
    remedy: str | None = None
    error: type[ClientError] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a request is for, for the text of an error; `repeatable` where doing it twice does the same as doing it once."""

    operation: str
    subject: str | None = None
    repeatable: bool = True


class Pace:
    """Keeps calls at least `delay_s` apart, as a system's rate limit asks."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._next_at = 0.0

    def wait(self) -> None:
        """Return when the next call may be made."""
        pause_s = self._next_at - time.monotonic()
        if pause_s > 0:
            time.sleep(pause_s)
        self._next_at = time.monotonic() + self._delay_s


class Http:
    """Talks to one system; whatever goes wrong comes out as that system's error.

    A request is repeated when its error says that this may help: not sent, cut off, asked to wait (429), failed (5xx). One that
    must not happen twice is repeated only where it certainly has not happened.

    Args:
        error: What this system's failures are raised as.
        explain: Reads the system's own error body.
        retry_wait_s: Pause before the first repetition; each further one is twice as long.
        options: Passed on to `httpx.Client`.
    """

    def __init__(
        self,
        error: type[ClientError],
        explain: Callable[[httpx.Response], Refusal],
        *,
        retry_wait_s: float,
        **options: Any,
    ) -> None:
        self._error = error
        self._explain = explain
        self._client = httpx.Client(**{"timeout": TIMEOUT_S, "mounts": _NO_PROXY, "verify": _trusted(), **options})
        longest_wait_s = retry_wait_s * 2 ** (ATTEMPTS - 2)
        self._retry = stamina.RetryingCaller(
            attempts=ATTEMPTS, timeout=None, wait_initial=retry_wait_s, wait_max=longest_wait_s, wait_jitter=0
        ).on(_may_help)

    @property
    def system(self) -> str:
        """The name of the system that it talks to."""
        return self._error.system

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(
        self,
        operation: str,
        method: str,
        url: str,
        *,
        subject: str | None = None,
        repeatable: bool = True,
        **content: Any,
    ) -> httpx.Response:
        """Send a request until it is answered with 2xx or its error says to give up.

        Args:
            operation: What this request does, for the error's text.
            method: The HTTP method.
            url: An address, or a path below the system's own.
            subject: The item id that it is about, for the error's text.
            repeatable: Doing it twice does the same as doing it once.
            content: Query, body, timeout: what `httpx.Client.request` takes.
        """
        call = Call(operation=operation, subject=subject, repeatable=repeatable)
        return self.repeat(partial(self._ask_once, call, partial(self._client.request, method, url, **content)))

    def repeat(self, work: Callable[[], _Result]) -> _Result:
        """Do something until it succeeds or its error says to give up."""
        return self._retry(work)

    def check(self, call: Call, response: httpx.Response) -> None:
        """Raise what the system says with a status that is not 2xx."""
        if not response.is_success:
            raise self._refused(call, response)

    def fail(self, call: Call, reason: str, *, retryable: bool = False) -> ClientError:
        """The system's error for something that no status tells."""
        return self._error(call.operation, subject=call.subject, reason=one_line(reason), retryable=retryable)

    def ask_object(self, operation: str, method: str, url: str, *, subject: str | None = None, **content: Any) -> JsonObject:
        """As `ask`, for an answer that is a JSON object."""
        response = self.ask(operation, method, url, subject=subject, **content)
        body = decoded(response)
        if not isinstance(body, dict):
            raise self._error(operation, subject=subject, reason="the answer is not a JSON object")
        return body

    def _ask_once(self, call: Call, send: Callable[[], httpx.Response]) -> httpx.Response:
        try:
            response = send()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError) as error:
            raise self._unanswered(call, error) from error
        self.check(call, response)
        return response

    def _unanswered(self, call: Call, error: Exception) -> ClientError:
        never_sent = isinstance(error, _NEVER_SENT)
        cut_off = isinstance(error, _CUT_OFF) and not never_sent
        return self._error(
            call.operation,
            subject=call.subject,
            reason=_spoken(error),
            remedy=_LOOK_FIRST if cut_off and not call.repeatable else None,
            retryable=never_sent or (cut_off and call.repeatable),
        )

    def _refused(self, call: Call, response: httpx.Response) -> ClientError:
        status = response.status_code
        refusal = self._explain(response)
        done_perhaps = status >= HTTPStatus.INTERNAL_SERVER_ERROR and status not in _NOT_DONE and not call.repeatable
        retry_after_s = _retry_after_s(response)
        may_help = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _NOT_DONE
        return (refusal.error or self._error)(
            call.operation,
            subject=call.subject,
            status=status,
            reason=one_line(refusal.reason or response.reason_phrase),
            remedy=refusal.remedy or (_LOOK_FIRST if done_perhaps else None),
            retryable=may_help and not done_perhaps and (retry_after_s or 0) <= _LONGEST_RETRY_AFTER_S,
            retry_after_s=retry_after_s,
        )


class Client:
    """What the clients share: a life that ends with their connections."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._http.close()


def decoded(response: httpx.Response) -> Any:
    """The JSON value of an answer; None where it is something else."""
    try:
        return response.json()
    except ValueError:
        return None


def one_line(text: str) -> str:
    """A system's words, fit for one line of a terminal or a log."""
    printable = "".join(char if char.isprintable() else " " for char in text[: 2 * _LONGEST_REASON])
    return " ".join(printable.split())[:_LONGEST_REASON]


@cache
def _trusted() -> ssl.SSLContext:
    """Whose certificates count; shared by all clients, because reading them takes longer than most requests."""
    return httpx.create_ssl_context()


def _may_help(error: Exception) -> bool | float:
    """Stamina's question: whether to try again and, where the system said so, after how many seconds."""
    if not (isinstance(error, ClientError) and error.retryable):
        return False
    logger.debug("%s", error)
    return error.retry_after_s or True


def _retry_after_s(response: httpx.Response) -> float | None:
    seconds = response.headers.get("Retry-After", "")
    return float(seconds) if seconds.isdecimal() else None


def _spoken(error: Exception) -> str:
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return "no connection in time"
        case httpx.TimeoutException():
            return "no answer in time"
        case httpx.ConnectError() | httpx.ProxyError():
            return one_line(f"no connection: {error}")
        case httpx.NetworkError() | httpx.RemoteProtocolError():
            return one_line(f"connection lost: {error}")
        case _:
            return one_line(f"{type(error).__name__}: {error}")
