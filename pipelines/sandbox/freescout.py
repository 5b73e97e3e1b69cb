"""FreeScout: customers of a helpdesk behind the REST API of its module."""

import json
import math
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from starlette.responses import JSONResponse, Response

from pipelines.sandbox.calls import Call
from pipelines.sandbox.club import Club, JsonObject
from pipelines.sandbox.faults import Fault, FaultKind
from pipelines.sandbox.secrets import secret
from pipelines.sandbox.storage import open_storage, transaction
from pipelines.sandbox.system import Handler, System

CUSTOMERS = "/api/customers"
FIELDS = {"UNION_TEAMS": 1, "PUBLIC_PERSON_ID": 4, "MEMBER_SINCE": 5, "NIKKI_SALDO": 7, "NIKKI_STATUS": 8}

SCHEMA = """
CREATE TABLE IF NOT EXISTS customers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  profile TEXT NOT NULL,
  fields TEXT NOT NULL DEFAULT '{}',
  is_found INTEGER NOT NULL DEFAULT 1  -- whether the search for customers shows it
);
CREATE TABLE IF NOT EXISTS customer_emails (
  email TEXT PRIMARY KEY,         -- in lower case: an address belongs to one customer
  customer_id INTEGER NOT NULL,
  type TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS customer_emails_by_customer ON customer_emails (customer_id);
CREATE TABLE IF NOT EXISTS conversations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  customer_id INTEGER NOT NULL,
  subject TEXT NOT NULL
);
"""

PAGE_SIZE = 50
_PROFILE = ("firstName", "lastName", "phones", "websites", "photoUrl", "company", "jobTitle", "notes")
_MANY_MEMBERS = 100  # smaller clubs have a helpdesk that knows nobody: their tests begin with an empty one
_GONE_EVERY = 6
_MADE_BY_HAND = slice(20, None, 40)


class _RefusedError(Exception):
    """An error as the API words it."""

    def __init__(self, status: int, message: str, *errors: tuple[str, str], code: str = "BAD_REQUEST") -> None:
        super().__init__(message)
        self.status = status
        self.body: JsonObject = {"message": message, "errorCode": code}
        if errors:
            self.body["_embedded"] = {"errors": [{"path": path, "message": text} for path, text in errors]}


class FreeScout(System):
    """The customers, with their custom fields and conversations."""

    name: ClassVar[str] = "freescout"

    def __init__(self, path: Path, club: Club) -> None:
        self._storage = open_storage(path, SCHEMA)
        self._api_key = secret(club.seed, "freescout-api-key", 32)
        self._add_customers_made_by_hand(club)

    def customers(self) -> list[JsonObject]:
        """All customers as the API shows them, in the order in which they were made."""
        return [self._shown(row) for row in self._storage.execute("SELECT * FROM customers ORDER BY id").fetchall()]

    def add_customer(self, first_name: str, email: str, *, customer_id: int | None = None, is_found: bool = True) -> int:
        """Type in a customer; one that the search does not find came in by a conversation."""
        with transaction(self._storage):
            statement = "INSERT INTO customers (id, profile, is_found) VALUES (?, ?, ?) RETURNING id"
            values = (customer_id, json.dumps({"firstName": first_name, "lastName": ""}), is_found)
            [row] = self._storage.execute(statement, values).fetchall()
            self._note_emails(row["id"], [{"value": email, "type": "work"}])
        return int(row["id"])

    def add_conversation(self, customer_id: int, subject: str) -> None:
        """Somebody writes to the club."""
        self._storage.execute("INSERT INTO conversations (customer_id, subject) VALUES (?, ?)", (customer_id, subject))

    def settings(self, url: str) -> Mapping[str, str]:
        """The environment variables that lead a client here."""
        fields = {f"FREESCOUT_FIELD_{name}": str(number) for name, number in FIELDS.items()}
        return {"FREESCOUT_BASE_URL": url, "FREESCOUT_API_KEY": self._api_key, **fields}

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        """The part of the API that a list of customers needs."""
        yield "GET", CUSTOMERS, _refusing(self._list_customers)
        yield "POST", CUSTOMERS, _refusing(self._create_customer)
        yield "GET", f"{CUSTOMERS}/{{id:int}}", _refusing(self._get_customer)
        yield "PUT", f"{CUSTOMERS}/{{id:int}}", _refusing(self._update_customer)
        yield "DELETE", f"{CUSTOMERS}/{{id:int}}", _refusing(self._delete_customer)
        yield "PUT", f"{CUSTOMERS}/{{id:int}}/customer_fields", _refusing(self._set_fields)
        yield "GET", "/api/conversations", _refusing(self._list_conversations)

    def refuse_caller(self, call: Call) -> Response | None:
        """The key is in a header of its own."""
        if call.headers.get("x-freescout-api-key") == self._api_key:
            return None
        return _error(_RefusedError(401, "Not Authorized", code="UNAUTHORIZED"))

    def subject(self, call: Call) -> str:
        """The mail address of the customer."""
        address = call.query.get("email") or call.query.get("customerEmail") or _first_address(call.fields)
        if not address and "id" in call.params:
            address = self._first_email(int(call.params["id"]))
        return str(address or call.path).lower()

    def fail(self, fault: Fault, call: Call) -> Response:
        """Errors carry a message and a code."""
        del call
        match fault.kind:
            case FaultKind.TOO_MANY_REQUESTS:
                response = _error(_RefusedError(429, "Too Many Attempts.", code="TOO_MANY_REQUESTS"))
                response.headers["Retry-After"] = f"{fault.seconds:.0f}"
                return response
            case FaultKind.REFUSED:
                return _error(_invalid("emails", "The address is not accepted."))
            case _:
                return _error(_RefusedError(500, "Server Error", code="INTERNAL_SERVER_ERROR"))

    def no_route(self, call: Call) -> Response:
        """The answer where there is nothing."""
        del call
        return _error(_not_found())

    def close(self) -> None:
        """Let go of the file."""
        self._storage.close()

    def _add_customers_made_by_hand(self, club: Club) -> None:
        """Customers that the free fields name, but those deleted since, and people who wrote without being linked to a member."""
        if self._storage.execute("SELECT 1 FROM sqlite_sequence WHERE name = 'customers'").fetchone():
            return
        self._storage.execute("INSERT INTO sqlite_sequence VALUES ('customers', 180)")
        if len(club.members) < _MANY_MEMBERS:
            return
        for knvb_id, fields in club.free_fields.items():
            text, member = fields.get("Remarks3", {}).get("Value", ""), club.find_member(knvb_id)
            if member and text.isdecimal() and int(text) % _GONE_EVERY:
                self._add_known(member, customer_id=int(text))
        unlinked = [member for member in club.members if "@" in (member.get("Email") or "")]
        for number, member in enumerate(unlinked[_MADE_BY_HAND]):
            customer_id = self._add_known(member, is_found=number % 2 == 0)
            if customer_id and number % 6 != 5:  # noqa: PLR2004  the last of six left no trace but the address
                self.add_conversation(customer_id, "Vraag over de contributie")

    def _add_known(self, member: JsonObject, *, customer_id: int | None = None, is_found: bool = True) -> int | None:
        """The customer for a member, unless there is no address for it or somebody else has it."""
        email = str(member.get("Email") or "").strip()
        if "@" not in email or self._owner(email) is not None:
            return None
        return self.add_customer(str(member.get("FirstName") or ""), email, customer_id=customer_id, is_found=is_found)

    def _list_customers(self, call: Call) -> Response:
        email = call.query.get("email", "").strip().lower()
        where, values = "is_found", []
        if email:
            where, values = "is_found AND id IN (SELECT customer_id FROM customer_emails WHERE email = ?)", [email]
        rows, page = self._page(call, "customers", where, values)
        return JSONResponse({"_embedded": {"customers": [self._shown(row) for row in rows]}, "page": page})

    def _list_conversations(self, call: Call) -> Response:
        email = call.query.get("customerEmail", "").strip().lower()
        where, values = "1", []
        if email:
            where, values = "customer_id IN (SELECT customer_id FROM customer_emails WHERE email = ?)", [email]
        rows, page = self._page(call, "conversations", where, values)
        shown = [{"id": row["id"], "subject": row["subject"], "customer": {"id": row["customer_id"]}} for row in rows]
        return JSONResponse({"_embedded": {"conversations": shown}, "page": page})

    def _page(self, call: Call, table: str, where: str, values: list[str]) -> tuple[list[sqlite3.Row], JsonObject]:
        number, size = _positive(call, "page", 1), _positive(call, "pageSize", PAGE_SIZE)
        [total] = self._storage.execute(f"SELECT count(*) FROM {table} WHERE {where}", values).fetchone()  # noqa: S608  our own words
        query = f"SELECT * FROM {table} WHERE {where} ORDER BY id LIMIT ? OFFSET ?"  # noqa: S608  as above
        rows = self._storage.execute(query, [*values, size, (number - 1) * size]).fetchall()
        return rows, {"size": size, "totalElements": total, "totalPages": math.ceil(total / size), "number": number}

    def _create_customer(self, call: Call) -> Response:
        body = _object(call)
        profile, emails = _checked_profile(body), _checked_emails(body)
        if not profile.get("firstName") and not emails:
            raise _invalid("firstName", "The first name or an email is required.")
        self._check_free(emails)
        with transaction(self._storage):
            statement = "INSERT INTO customers (profile) VALUES (?) RETURNING *"
            [row] = self._storage.execute(statement, (_json(profile),)).fetchall()
            self._note_emails(row["id"], emails)
        return JSONResponse(self._shown(row), 201, {"Resource-ID": str(row["id"])})

    def _get_customer(self, call: Call) -> Response:
        return JSONResponse(self._shown(self._known(call)))

    def _update_customer(self, call: Call) -> Response:
        known, body = self._known(call), _object(call)
        profile = {**json.loads(known["profile"]), **_checked_profile(body)}
        emails = _checked_emails(body) if "emails" in body else None
        self._check_free(emails or [], owner=known["id"])
        with transaction(self._storage):
            self._storage.execute("UPDATE customers SET profile = ? WHERE id = ?", (_json(profile), known["id"]))
            if emails is not None:
                self._storage.execute("DELETE FROM customer_emails WHERE customer_id = ?", (known["id"],))
                self._note_emails(known["id"], emails)
        return Response(status_code=204)

    def _delete_customer(self, call: Call) -> Response:
        known = self._known(call)
        with transaction(self._storage):
            for table, column in (("customers", "id"), ("customer_emails", "customer_id"), ("conversations", "customer_id")):
                self._storage.execute(f"DELETE FROM {table} WHERE {column} = ?", (known["id"],))  # noqa: S608  our own words
        return Response(status_code=204)

    def _set_fields(self, call: Call) -> Response:
        known = self._known(call)
        written = _checked_fields(_object(call))
        fields = _json({**json.loads(known["fields"]), **written})
        self._storage.execute("UPDATE customers SET fields = ? WHERE id = ?", (fields, known["id"]))
        return Response(status_code=204)

    def _known(self, call: Call) -> sqlite3.Row:
        row: sqlite3.Row | None = self._storage.execute("SELECT * FROM customers WHERE id = ?", (call.params["id"],)).fetchone()
        if row is None:
            raise _not_found()
        return row

    def _check_free(self, emails: list[JsonObject], *, owner: int | None = None) -> None:
        """Refuse addresses of other customers: with 409 where the search shows them, else with 400."""
        for email in emails:
            other = self._owner(email["value"])
            if other is None or other["id"] == owner:
                continue
            if other["is_found"]:
                raise _RefusedError(409, "Customer with this email already exists.", code="CONFLICT")
            raise _already_exists(email["value"])

    def _owner(self, email: str) -> sqlite3.Row | None:
        query = "SELECT customers.* FROM customers JOIN customer_emails ON customer_id = id WHERE email = ?"
        row: sqlite3.Row | None = self._storage.execute(query, (email.strip().lower(),)).fetchone()
        return row

    def _first_email(self, customer_id: int) -> str | None:
        query = "SELECT min(email) FROM customer_emails WHERE customer_id = ?"
        [email] = self._storage.execute(query, (customer_id,)).fetchone()
        return email  # type: ignore[no-any-return]  # sqlite3 does not know its columns

    def _note_emails(self, customer_id: int, emails: Iterable[JsonObject]) -> None:
        rows = [(email["value"].strip().lower(), customer_id, email.get("type", "work")) for email in emails]
        self._storage.executemany("INSERT OR IGNORE INTO customer_emails VALUES (?, ?, ?)", rows)

    def _shown(self, row: sqlite3.Row) -> JsonObject:
        query = "SELECT email AS value, type FROM customer_emails WHERE customer_id = ? ORDER BY email"
        emails = [dict(email) for email in self._storage.execute(query, (row["id"],)).fetchall()]
        profile = json.loads(row["profile"])
        fields = [{"id": int(number), "value": value} for number, value in sorted(json.loads(row["fields"]).items())]
        embedded = {"emails": emails, "phones": profile.pop("phones", []), "websites": profile.pop("websites", [])}
        return {"id": row["id"], **profile, "customerFields": fields, "_embedded": embedded}


def _refusing(handler: Handler) -> Handler:
    """The handler with refusals as answers."""

    def answer(call: Call) -> Response:
        try:
            return handler(call)
        except _RefusedError as refused:
            return _error(refused)

    return answer


def _object(call: Call) -> JsonObject:
    if not isinstance(call.body, dict):
        raise _RefusedError(400, "The body is not a JSON object.")
    return call.body


def _positive(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, "")
    return int(text) if text.isdecimal() and int(text) else default


def _checked_profile(body: JsonObject) -> JsonObject:
    profile = {name: body[name] for name in _PROFILE if name in body}
    for name, value in profile.items():
        if name in {"phones", "websites"}:
            _check_rows(name, value)
        elif not isinstance(value, str):
            raise _invalid(name, f"The {name} must be a string.")
    return profile


def _check_rows(name: str, value: Any) -> None:
    rows = value if isinstance(value, list) else [None]
    if not all(isinstance(row, dict) and isinstance(row.get("value"), str) for row in rows):
        raise _invalid(name, f"The {name} must be a list of objects with a value.")


def _checked_emails(body: JsonObject) -> list[JsonObject]:
    """The addresses; plain strings are misread as addresses that somebody has."""
    emails = body.get("emails", [])
    for email in emails:
        if not isinstance(email, dict):
            raise _already_exists(email)
        if "@" not in str(email.get("value", "")):
            raise _invalid("emails", "The email must be a valid email address.")
    return list(emails)


def _checked_fields(body: JsonObject) -> JsonObject:
    rows = body.get("customerFields")
    if not isinstance(rows, list):
        raise _invalid("customerFields", "The customerFields field is required.")
    for row in rows:
        if not isinstance(row, dict) or row.get("id") not in FIELDS.values():
            raise _invalid("customerFields", "Unknown custom field.")
        if not isinstance(row.get("value"), str):
            raise _invalid("customerFields", "The value of a custom field must be a string.")
    return {str(row["id"]): row["value"] for row in rows}


def _first_address(body: JsonObject) -> str | None:
    emails = body.get("emails")
    first = emails[0] if isinstance(emails, list) and emails else None
    return first.get("value") if isinstance(first, dict) else None


def _invalid(path: str, message: str) -> _RefusedError:
    return _RefusedError(400, "Bad Request", (path, message))


def _already_exists(email: Any) -> _RefusedError:
    return _invalid("emails", f"The following emails already exist: {email}")


def _not_found() -> _RefusedError:
    return _RefusedError(404, "Not Found", code="NOT_FOUND")


def _error(refused: _RefusedError) -> Response:
    return JSONResponse(refused.body, refused.status)


def _json(value: JsonObject) -> str:
    return json.dumps(value, ensure_ascii=False)
