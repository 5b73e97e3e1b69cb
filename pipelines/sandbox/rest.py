"""What all routes of a WordPress site have in common: errors, statuses, paging, and which fields are shown."""

import json
import math
import re
from datetime import UTC, date, datetime
from html import escape
from typing import Any

from starlette.responses import JSONResponse, Response

from pipelines.sandbox.calls import Call
from pipelines.sandbox.system import Handler

JsonObject = dict[str, Any]

STATUSES = ("publish", "future", "draft", "pending", "private")
LONGEST_PAGE = 100

_PRINTED = {
    r"(?<!\S)'": "&#8216;",
    r"'": "&#8217;",
    r'(?<!\S)"': "&#8220;",
    r'"': "&#8221;",
    r" - ": " &#8211; ",
    r"--": "&#8211;",
    r"\.\.\.": "&#8230;",
    r"(?<=\d)x(?=\d)": "&#215;",
}
"""What is typed, as a pattern, and what is shown instead. Source: wptexturize of WordPress, seen in November 2026."""


class RestError(Exception):
    """An error as the REST API words it."""

    def __init__(self, status: int, code: str, message: str, **data: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, "data": {"status": status, **data}}


def rest(handler: Handler) -> Handler:
    """The handler with its errors as answers."""

    def answer(call: Call) -> Response:
        try:
            return handler(call)
        except RestError as error:
            return error_answer(error)

    return answer


def error_answer(error: RestError) -> JSONResponse:
    """An error as an answer."""
    return JSONResponse(error.body, error.status)


def invalid(**params: str) -> RestError:
    """The refusal of parameters, with what is wrong with each."""
    return RestError(400, "rest_invalid_param", f"Ongeldige parameter(s): {', '.join(params)}", params=params)


def missing_params(*names: str) -> RestError:
    """The refusal of a request that lacks parameters."""
    message = f"Ontbrekende parameter(s): {', '.join(names)}"
    return RestError(400, "rest_missing_callback_param", message, params=list(names))


def read_object(call: Call) -> JsonObject:
    """The body where it is an object, else nothing; text that is no JSON is refused."""
    if isinstance(call.body, str):
        raise RestError(400, "rest_invalid_json", "Ongeldige JSON-inhoud doorgegeven.")
    return call.fields


def read_status(body: JsonObject, default: str) -> str:
    """The status that a post gets."""
    status = body.get("status", default)
    if status not in STATUSES:
        raise invalid(status=f"status is niet een van {', '.join(STATUSES[:-1])} en {STATUSES[-1]}.")
    return str(status)


def paging(call: Call, total: int, *, default_size: int) -> tuple[int, int, int]:
    """Limit, offset and the number of pages."""
    page = _number(call, "page", 1, math.inf)
    size = _number(call, "per_page", default_size, LONGEST_PAGE)
    pages = math.ceil(total / size)
    if page > max(pages, 1):
        message = "Het opgevraagde paginanummer is groter dan het aantal beschikbare pagina's."
        raise RestError(400, "rest_post_invalid_page_number", message)
    return size, (page - 1) * size, pages


def _number(call: Call, name: str, default: int, most: float) -> int:
    text = call.query.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise invalid(**{name: f"{name} moet tussen 1 (inclusief) en {most} (inclusief) liggen"})
    return int(text)


def read_moment(text: str) -> str:
    """An ISO time as it is stored: UTC without saying so."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(modified_after="Ongeldige datum.") from None
    return f"{(moment.astimezone(UTC) if moment.tzinfo else moment):%Y-%m-%dT%H:%M:%S}"


def is_day(text: str) -> bool:
    """Whether it is written YYYY-MM-DD."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def pick(person: JsonObject, call: Call) -> JsonObject:
    """Only the fields that `_fields` names; `acf.first_name` names one inside another."""
    if "_fields" not in call.query:
        return person
    picked: JsonObject = {}
    for path in call.query["_fields"].split(","):
        name, _, inner = path.strip().partition(".")
        if name in person:
            picked[name] = {**picked.get(name, {}), inner: person[name].get(inner)} if inner else person[name]
    return picked


def show_title(title: str) -> JsonObject:
    """A title as the site shows it: as HTML, and with the quotes and dashes of print."""
    shown = escape(title, quote=False).replace("&amp;", "&#038;")
    for typed, printed in _PRINTED.items():
        shown = re.sub(typed, printed, shown)
    return {"rendered": shown}


def to_json(kept: JsonObject) -> str:
    """What is kept, as text."""
    return json.dumps(kept, ensure_ascii=False)


def not_found() -> RestError:
    """The refusal of a post that is not there, or in the trash."""
    return RestError(404, "rest_post_invalid_id", "Ongeldig bericht-ID.")


def wants_force(call: Call) -> bool:
    """Whether a deletion goes past the trash."""
    return call.query.get("force") == "true" or call.fields.get("force") is True


def utc(seconds: float) -> str:
    """A time as it is stored: UTC without saying so."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
