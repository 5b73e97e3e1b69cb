"""What a system receives: one request, read and decoded once, and the list of all that were received."""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.requests import Request

KEPT_REQUESTS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file in a multipart body."""

    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as a handler sees it.

    Attributes:
        params: What the route found in the path.
        body: A JSON value, the fields of a form (names that end in `[]` are lists), or None when there was no body. A body that
            is not what its content type says stays text.
        base_url: Where the caller found this system, without a slash at the end.
    """

    method: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    body: Any
    base_url: str

    @property
    def fields(self) -> dict[str, Any]:
        """The body where it is an object or a form, else nothing."""
        return self.body if isinstance(self.body, dict) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What a system received and answered.

    Attributes:
        status: None when the connection was closed without an answer.
    """

    system: str
    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    status: int | None


class Requests:
    """The last `KEPT_REQUESTS` requests of all systems, in the order in which they were answered."""

    def __init__(self) -> None:
        self._kept: deque[Received] = deque(maxlen=KEPT_REQUESTS)
        self._lock = Lock()

    def add(self, received: Received) -> None:
        """Keep one; the oldest makes room."""
        with self._lock:
            self._kept.append(received)

    def all(self) -> list[Received]:
        """A copy, from any thread."""
        with self._lock:
            return list(self._kept)


async def read_call(request: Request) -> Call:
    """Read the whole request."""
    return Call(
        method=request.method,
        path=request.url.path,
        params=request.path_params,
        query=dict(request.query_params),
        headers=request.headers,
        cookies=request.cookies,
        body=await _read_body(request),
        base_url=str(request.base_url).rstrip("/"),
    )


async def _read_body(request: Request) -> Any:
    content_type = request.headers.get("content-type", "").partition(";")[0]
    if content_type == "multipart/form-data":
        return await _read_multipart(request)
    text = (await request.body()).decode(errors="replace")
    if content_type == "application/json":
        return _parse_json(text)
    if content_type == "application/x-www-form-urlencoded":
        return _parse_form(text)
    return text or None


async def _read_multipart(request: Request) -> dict[str, str | Upload]:
    fields: dict[str, str | Upload] = {}
    async with request.form() as form:
        for name, value in form.multi_items():
            fields[name] = await _read_upload(value) if isinstance(value, UploadFile) else value
    return fields


async def _read_upload(file: UploadFile) -> Upload:
    return Upload(filename=file.filename or "", content_type=file.content_type or "", content=await file.read())


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _parse_form(text: str) -> dict[str, str | list[str]]:
    fields: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name.endswith("[]"):
            fields.setdefault(name, []).append(value)
        else:
            fields[name] = value
    return fields
