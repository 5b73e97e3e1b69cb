"""Laposta: mailing lists behind the REST API, version 2."""

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, ClassVar

from starlette.responses import JSONResponse, Response

from pipelines.sandbox.calls import Call
from pipelines.sandbox.faults import Fault, FaultKind
from pipelines.sandbox.secrets import basic_credentials, secret
from pipelines.sandbox.storage import open_storage
from pipelines.sandbox.system import Handler, System

JsonObject = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS subscribers (
  list_id TEXT NOT NULL,
  email_key TEXT NOT NULL,        -- the address in lower case: one subscriber a list
  member_id TEXT NOT NULL UNIQUE,
  email TEXT NOT NULL,
  state TEXT NOT NULL,
  signup_date TEXT NOT NULL,
  modified TEXT NOT NULL,
  ip TEXT NOT NULL,
  custom_fields TEXT NOT NULL,
  PRIMARY KEY (list_id, email_key)
);
"""

FIELDS = (
    "voornaam",
    "tussenvoegsel",
    "achternaam",
    "geboortedatum",
    "team",
    "geslacht",
    "leeftijdscategorie",
    "relatiecode",
    "datumpasfoto",
    "lidsinds",
    "huidigvrijwilliger",
    "mobielnummer",
    "mobielnummer2",
    "telefoonnummer",
    "telefoonnummer2",
    "straatnaam",
    "huisnummer",
    "huisnummertoevoeging",
    "postcode",
    "plaats",
    "naamouder1",
    "naamouder2",
    "telefoonouder1",
    "telefoonouder2",
    "oudervan",
)
DATE_FIELDS = frozenset({"geboortedatum"})
_TRUE = {"true", "1"}
STATES = frozenset({"active", "unsubscribed", "unconfirmed", "cleaned"})

_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", re.ASCII | re.IGNORECASE)
_CUSTOM_FIELD = re.compile(r"custom_fields\[([^\]]+)\](?:\[\])?")


class _InvalidError(Exception):
    """Input that the API refuses; becomes its error object."""

    def __init__(self, message: str, *, code: int, parameter: str, status: int = 400) -> None:
        super().__init__(message)
        self.error = {"type": "invalid_input", "message": message, "code": code, "parameter": parameter}
        self.status = status


class Laposta(System):
    """Four lists of one account."""

    name: ClassVar[str] = "laposta"

    def __init__(self, path: Path, *, seed: int, clock: Callable[[], float]) -> None:
        self._storage = open_storage(path, SCHEMA)
        self._api_key = secret(seed, "laposta-api-key")
        self.list_ids = tuple(secret(seed, f"laposta-list-{number}", 10) for number in range(1, 5))
        self._clock = clock

    def subscribers(self, list_id: str) -> list[JsonObject]:
        """The subscribers of a list as the API shows them, by address."""
        rows = self._storage.execute("SELECT * FROM subscribers WHERE list_id = ? ORDER BY email_key", (list_id,))
        return [_shown(row) for row in rows.fetchall()]

    def settings(self, url: str) -> Mapping[str, str]:
        """The environment variables that lead a client here."""
        first, second, third, fourth = self.list_ids
        return {
            "LAPOSTA_URL": url,
            "LAPOSTA_API_KEY": self._api_key,
            "LAPOSTA_LIST": first,
            "LAPOSTA_LIST2": second,
            "LAPOSTA_LIST3": third,
            "LAPOSTA_LIST4": fourth,
            "LAPOSTA_DELAY_S": "0",
        }

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        """The part of the API that mailing lists need."""
        yield "GET", "/v2/field", _refusing(self._list_fields)
        yield "GET", "/v2/member", _refusing(self._list_subscribers)
        yield "POST", "/v2/member", _refusing(self._add_subscriber)
        yield "GET", "/v2/member/{member}", _refusing(self._show_subscriber)
        yield "POST", "/v2/member/{member}", _refusing(self._change_subscriber)
        yield "DELETE", "/v2/member/{member}", _refusing(self._delete_subscriber)

    def refuse_caller(self, call: Call) -> Response | None:
        """The API key is the user name; the password is not looked at."""
        user, _ = basic_credentials(call.headers.get("authorization", "")) or ("", "")
        if user == self._api_key:
            return None
        return _error(401, type="invalid_request", message="No valid API key provided")

    def subject(self, call: Call) -> str:
        """The address of the subscriber."""
        return str(call.fields.get("email") or call.params.get("member") or call.path)

    def fail(self, fault: Fault, call: Call) -> Response:
        """Errors carry Laposta's error object whatever their status."""
        del call
        match fault.kind:
            case FaultKind.TOO_MANY_REQUESTS:
                response = _error(429, type="invalid_request", message="Too many requests")
                response.headers["Retry-After"] = f"{fault.seconds:.0f}"
                return response
            case FaultKind.REFUSED:
                return _refuse(_InvalidError("Email: address is on the blocklist", code=999, parameter="email"))
            case _:
                return _error(500, type="internal", message="Internal server error")

    def no_route(self, call: Call) -> Response:
        """The answer where there is nothing."""
        return _error(404, type="invalid_request", message=f"Unknown URL: {call.path}")

    def close(self) -> None:
        """Let go of the file."""
        self._storage.close()

    def _list_fields(self, call: Call) -> Response:
        list_id = self._known_list(call.query)
        fields = [_field("email", list_id, required=True), *(_field(name, list_id) for name in FIELDS)]
        return JSONResponse({"data": [{"field": field} for field in fields]})

    def _list_subscribers(self, call: Call) -> Response:
        list_id = self._known_list(call.query)
        state = call.query.get("state")
        if state is not None and state not in STATES:
            raise _InvalidError("State: unknown", code=203, parameter="state")
        shown = [member for member in self.subscribers(list_id) if state in {None, member["state"]}]
        return JSONResponse({"data": [{"member": member} for member in shown]})

    def _show_subscriber(self, call: Call) -> Response:
        return _answer(self._known_subscriber(call, call.query))

    def _add_subscriber(self, call: Call) -> Response:
        fields = call.fields
        list_id = self._known_list(fields)
        _check_ip(fields)
        email = _checked_email(fields)
        custom_fields = _checked_custom_fields(fields)
        known = self._find(list_id, email)
        if known is None:
            return _answer(self._insert(list_id, email, str(fields["ip"]), custom_fields), status=201)
        if fields.get("options[upsert]") not in _TRUE:
            raise _InvalidError("Email: address already exists", code=204, parameter="email")
        keeps_state = fields.get("options[suppress_reactivation]") in _TRUE
        return _answer(self._update(known, custom_fields, state=known["state"] if keeps_state else "active"))

    def _change_subscriber(self, call: Call) -> Response:
        known = self._known_subscriber(call, call.fields)
        state = str(call.fields.get("state", known["state"]))
        if state not in STATES:
            raise _InvalidError("State: unknown", code=203, parameter="state")
        return _answer(self._update(known, _checked_custom_fields(call.fields), state=state))

    def _delete_subscriber(self, call: Call) -> Response:
        known = self._known_subscriber(call, call.query)
        self._storage.execute("DELETE FROM subscribers WHERE member_id = ?", (known["member_id"],))
        return JSONResponse({"member": {**_shown(known), "state": "deleted"}})

    def _known_list(self, fields: Mapping[str, Any]) -> str:
        list_id = fields.get("list_id")
        if not list_id:
            raise _InvalidError("List_id: empty", code=201, parameter="list_id")
        if list_id not in self.list_ids:
            raise _InvalidError("List_id: unknown", code=203, parameter="list_id")
        return str(list_id)

    def _known_subscriber(self, call: Call, fields: Mapping[str, Any]) -> sqlite3.Row:
        found = self._find(self._known_list(fields), call.params["member"])
        if found is None:
            raise _InvalidError("Member_id: unknown", code=203, parameter="member_id", status=404)
        return found

    def _find(self, list_id: str, member: str) -> sqlite3.Row | None:
        """By address or by ID."""
        query = "SELECT * FROM subscribers WHERE list_id = ? AND (email_key = ? OR member_id = ?)"
        row: sqlite3.Row | None = self._storage.execute(query, (list_id, member.lower(), member)).fetchone()
        return row

    def _insert(self, list_id: str, email: str, ip: str, custom_fields: JsonObject) -> sqlite3.Row:
        now = self._now()
        member_id = hashlib.sha256(f"{list_id}:{email.lower()}".encode()).hexdigest()[:10]
        row = (list_id, email.lower(), member_id, email, "active", _time(now), _time(now), ip, json.dumps(custom_fields))
        statement = "INSERT INTO subscribers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *"
        return self._returned(statement, row)

    def _update(self, known: sqlite3.Row, custom_fields: JsonObject, *, state: str) -> sqlite3.Row:
        # A change never carries the second of the signup: nobody could tell the two apart by their dates.
        modified = max(self._now(), datetime.fromisoformat(known["signup_date"] + "+00:00") + timedelta(seconds=1))
        merged = json.dumps({**json.loads(known["custom_fields"]), **custom_fields})
        statement = "UPDATE subscribers SET custom_fields = ?, state = ?, modified = ? WHERE member_id = ? RETURNING *"
        return self._returned(statement, (merged, state, _time(modified), known["member_id"]))

    def _returned(self, statement: str, values: tuple[str, ...]) -> sqlite3.Row:
        [row] = self._storage.execute(statement, values).fetchall()
        return row  # type: ignore[no-any-return]  # sqlite3 does not know its row factory

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _refusing(handler: Handler) -> Handler:
    """The handler with refusals as answers."""

    def answer(call: Call) -> Response:
        try:
            return handler(call)
        except _InvalidError as invalid:
            return _refuse(invalid)

    return answer


def _check_ip(fields: Mapping[str, Any]) -> None:
    ip = fields.get("ip")
    if not ip:
        raise _InvalidError("Ip: empty", code=201, parameter="ip")
    try:
        ip_address(ip)
    except ValueError:
        raise _InvalidError("Ip: invalid syntax", code=202, parameter="ip") from None


def _checked_email(fields: Mapping[str, Any]) -> str:
    email = str(fields.get("email") or "").strip()
    if not email:
        raise _InvalidError("Email: empty", code=201, parameter="email")
    if not _ADDRESS.fullmatch(email) or ".." in email or email.startswith("."):
        raise _InvalidError("Email: invalid address", code=208, parameter="email")
    return email


def _checked_custom_fields(fields: Mapping[str, Any]) -> JsonObject:
    """The fields that the lists know; others are left out without a word."""
    written = {match[1]: value for name, value in fields.items() if (match := _CUSTOM_FIELD.fullmatch(name))}
    for name in DATE_FIELDS & written.keys():
        _check_date(name, written[name])
    return {name: written[name] for name in FIELDS if name in written}


def _check_date(name: str, value: str) -> None:
    try:
        date.fromisoformat(value or "2000-01-01")
    except ValueError:
        raise _InvalidError(f"{name.capitalize()}: invalid date", code=202, parameter=name) from None


def _field(name: str, list_id: str, *, required: bool = False) -> JsonObject:
    return {
        "field_id": hashlib.sha256(f"{list_id}:{name}".encode()).hexdigest()[:10],
        "list_id": list_id,
        "name": name.capitalize(),
        "tag": "{{" + name + "}}",
        "custom_name": name,
        "datatype": "date" if name in DATE_FIELDS else "text",
        "required": required,
        "in_form": True,
        "in_list": True,
        "is_email": name == "email",
    }


def _answer(row: sqlite3.Row, *, status: int = 200) -> Response:
    return JSONResponse({"member": _shown(row)}, status)


def _shown(row: sqlite3.Row) -> JsonObject:
    shown = {key: row[key] for key in ("member_id", "list_id", "email", "state", "signup_date", "modified", "ip")}
    return {**shown, "custom_fields": json.loads(row["custom_fields"])}


def _refuse(invalid: _InvalidError) -> Response:
    return _error(invalid.status, **invalid.error)


def _error(status: int, **error: Any) -> Response:
    return JSONResponse({"error": error}, status)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
