"""FreeScout: the customers of the helpdesk, over its REST API."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

import httpx

from pipelines.clients import JsonObject
from pipelines.clients.http import Client, Http, Refusal, decoded
from pipelines.errors import FreeScoutError, FreeScoutExistsError, FreeScoutNotFoundError
from pipelines.settings import FreeScoutSettings

_CUSTOMERS = "customers"
_EXISTS = "already exist"
_REMEDIES = {
    401: "check FREESCOUT_API_KEY",
    403: "check FREESCOUT_API_KEY",
    404: "check FREESCOUT_BASE_URL, and whether the API module is active",
}


class FreeScoutClient(Client):
    """Finds, writes and deletes customers; a creation that may have happened is never repeated blindly."""

    def __init__(
        self, settings: FreeScoutSettings, *, retry_wait_s: float = 1.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        http = Http(
            FreeScoutError,
            _explain,
            retry_wait_s=retry_wait_s,
            base_url=f"{settings.url.rstrip('/')}/api/",
            headers={"X-FreeScout-API-Key": settings.api_key},
            transport=transport,
        )
        super().__init__(http)

    def find_customer(self, email: str, *, subject: str | None = None) -> int | None:
        """Return the id of the customer with this address; None when there is none.

        The search for customers misses some whose address it refuses to a new one: their conversations still lead to them.
        """
        operation = "find customer"
        customers = self._list(operation, _CUSTOMERS, {"email": email}, subject)
        conversations = [] if customers else self._list(operation, "conversations", {"customerEmail": email}, subject)
        found = customers or [one["customer"] for one in conversations if isinstance(one.get("customer"), dict)]
        return _customer_id(operation, found[0]) if found else None

    def create_customer(
        self, *, email: str, first_name: str, last_name: str, mobile: str | None = None, subject: str | None = None
    ) -> int:
        """Create a customer and return its id.

        Raises:
            FreeScoutExistsError: There is one with this address already.
        """
        operation = "create customer"
        # FreeScout takes addresses as objects only: a list of texts makes it say that they already exist.
        body = {**_names(first_name, last_name), "emails": [{"value": email, "type": "home"}], **_phones(mobile)}
        answer = self._http.ask_object(operation, "POST", _CUSTOMERS, subject=subject, repeatable=False, json=body)
        return _customer_id(operation, answer)

    def update_customer(
        self, customer_id: int, *, first_name: str, last_name: str, mobile: str | None = None, subject: str | None = None
    ) -> None:
        """Change a customer's names and, where one is given, the mobile number; an empty one takes it away.

        Raises:
            FreeScoutNotFoundError: There is no such customer any more.
        """
        body = {**_names(first_name, last_name), **_phones(mobile)}
        self._http.ask("update customer", "PUT", f"{_CUSTOMERS}/{customer_id}", subject=_subject(customer_id, subject), json=body)

    def set_customer_fields(self, customer_id: int, values: Mapping[int, str], *, subject: str | None = None) -> None:
        """Fill in a customer's own fields, by field id.

        Raises:
            FreeScoutNotFoundError: There is no such customer any more.
        """
        body = {"customerFields": [{"id": field_id, "value": value} for field_id, value in values.items()]}
        path = f"{_CUSTOMERS}/{customer_id}/customer_fields"
        self._http.ask("set customer fields", "PUT", path, subject=_subject(customer_id, subject), json=body)

    def delete_customer(self, customer_id: int, *, subject: str | None = None) -> None:
        """Delete a customer; one that is gone already is fine."""
        try:
            self._http.ask("delete customer", "DELETE", f"{_CUSTOMERS}/{customer_id}", subject=_subject(customer_id, subject))
        except FreeScoutNotFoundError:
            return

    def _list(self, operation: str, path: str, query: Mapping[str, str], subject: str | None) -> list[JsonObject]:
        answer = self._http.ask_object(operation, "GET", path, subject=subject, params=query)
        embedded = answer.get("_embedded")
        rows = embedded.get(path) if isinstance(embedded, dict) else None
        if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
            raise FreeScoutError(operation, subject=subject, reason=f"the answer shows no list of {path}")
        return rows


def _names(first_name: str, last_name: str) -> JsonObject:
    return {"firstName": first_name, "lastName": last_name}


def _phones(mobile: str | None) -> JsonObject:
    """None leaves the numbers as they are; an empty one takes them away."""
    if mobile is None:
        return {}
    return {"phones": [{"type": "mobile", "value": mobile}] if mobile else []}


def _subject(customer_id: int, subject: str | None) -> str:
    return subject or str(customer_id)


def _customer_id(operation: str, customer: JsonObject) -> int:
    customer_id = customer.get("id")
    if not isinstance(customer_id, int):
        raise FreeScoutError(operation, reason="the answer shows no id")
    return customer_id


def _explain(response: httpx.Response) -> Refusal:
    body = decoded(response)
    status = response.status_code
    if not isinstance(body, dict):
        return Refusal(remedy=_REMEDIES.get(status))
    reason = "; ".join(_reasons(body))
    if status == HTTPStatus.CONFLICT or (status == HTTPStatus.BAD_REQUEST and _EXISTS in reason):
        return Refusal(reason=reason, error=FreeScoutExistsError)
    if status == HTTPStatus.NOT_FOUND:
        return Refusal(reason=reason, error=FreeScoutNotFoundError)
    return Refusal(reason=reason, remedy=_REMEDIES.get(status))


def _reasons(body: JsonObject) -> Iterable[str]:
    """What FreeScout has against each part of a request; its general message where it names none."""
    embedded = body.get("_embedded")
    errors = embedded.get("errors") if isinstance(embedded, dict) else None
    found = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    if not found:
        return [str(body.get("message") or "")]
    return [": ".join(str(error[key]) for key in ("path", "message") if error.get(key)) for error in found]
