"""Rondo Club: persons, their activities and photos, over the REST API of WordPress."""

from collections.abc import Iterator
from http import HTTPStatus
from itertools import count

import httpx

from pipelines.clients import JsonObject
from pipelines.clients.http import Client, Http, Pace, Refusal, decoded
from pipelines.errors import RondoClubError, RondoClubNotFoundError
from pipelines.settings import RondoClubSettings

_PEOPLE = "wp/v2/people"
_GONE_CODES = {"rest_post_invalid_id", "rest_already_trashed"}
# Without its routes the whole site says 404: nobody is gone, the address or the plugin is wrong.
_NO_ROUTE = "rest_no_route"
_PAST_THE_END = "rest_post_invalid_page_number"
_PAGE_SIZE = 100
_REMEDIES = {
    301: "check RONDO_URL",
    302: "check RONDO_URL",
    401: "check RONDO_USERNAME and RONDO_APP_PASSWORD",
    403: "give the user of RONDO_USERNAME the right to do this",
    404: "check RONDO_URL, and whether the plugin of Rondo Club is active",
}


class _PastTheEndError(RondoClubError):
    """There are no more pages; the last one was full."""


class RondoClubClient(Client):
    """Reads and writes persons; what may happen only once is never repeated blindly."""

    def __init__(
        self, settings: RondoClubSettings, *, retry_wait_s: float = 1.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        http = Http(
            RondoClubError,
            _explain,
            retry_wait_s=retry_wait_s,
            base_url=f"{settings.url.rstrip('/')}/wp-json/",
            auth=(settings.username, settings.app_password),
            transport=transport,
        )
        super().__init__(http)
        self._photo_pace = Pace(settings.photo_delay_s)

    def find_person_by_email(self, email: str) -> int | None:
        """Return the id of the person with this address; None when there is none."""
        answer = self._http.ask_object("find person by email", "GET", "rondo/v1/people/find-by-email", params={"email": email})
        return None if answer.get("id") is None else _person_id("find person by email", answer)

    def get_person(self, person_id: int) -> JsonObject:
        """Return a person as stored.

        Raises:
            RondoClubNotFoundError: There is no such person any more.
        """
        return self._http.ask_object("get person", "GET", f"{_PEOPLE}/{person_id}", subject=str(person_id))

    def list_people(self, modified_after: str | None = None) -> Iterator[JsonObject]:
        """Give `id`, `modified_gmt` and `acf` of all persons, a page at a time.

        Args:
            modified_after: ISO time; leaves out who was not changed since.
        """
        query: dict[str, str | int] = {"per_page": _PAGE_SIZE, "_fields": "id,modified_gmt,acf"}
        query |= {"modified_after": modified_after} if modified_after else {}
        for number in count(1):
            page = self._list_page({**query, "page": number})
            yield from page
            if len(page) < _PAGE_SIZE:
                return

    def create_person(self, body: JsonObject, *, subject: str | None = None) -> int:
        """Create a person and return its id.

        Never repeated where it may have happened: a second one would be a duplicate.
        """
        operation = "create person"
        answer = self._http.ask_object(operation, "POST", _PEOPLE, subject=subject, repeatable=False, json=body)
        return _person_id(operation, answer)

    def update_person(self, person_id: int, body: JsonObject) -> JsonObject:
        """Change a person and return it as stored now.

        Args:
            person_id: The person's id.
            body: Holds both names in `acf`, whatever else it changes; a repeater in it replaces the stored one.

        Raises:
            RondoClubNotFoundError: There is no such person any more.
        """
        path = f"{_PEOPLE}/{person_id}"
        return self._http.ask_object("update person", "PUT", path, subject=str(person_id), json=body)

    def delete_person(self, person_id: int) -> None:
        """Put a person in the trash; one that is gone already is fine."""
        self._delete("delete person", f"{_PEOPLE}/{person_id}", person_id)

    def add_activity(self, person_id: int, *, content: str, activity_type: str, activity_date: str) -> None:
        """Add a line to a person's history; `activity_date` is YYYY-MM-DD."""
        body = {"content": content, "activity_type": activity_type, "activity_date": activity_date}
        path = f"rondo/v1/people/{person_id}/activities"
        self._http.ask("add activity", "POST", path, subject=str(person_id), repeatable=False, json=body)

    def upload_photo(self, person_id: int, *, content: bytes, filename: str, content_type: str) -> None:
        """Make an image the person's photo, in place of the one before."""
        self._photo_pace.wait()
        files = {"file": (filename, content, content_type)}
        self._http.ask("upload photo", "POST", _photo(person_id), subject=str(person_id), files=files)

    def delete_photo(self, person_id: int) -> None:
        """Take a person's photo away; one that is gone already is fine."""
        self._photo_pace.wait()
        self._delete("delete photo", _photo(person_id), person_id)

    def _list_page(self, query: dict[str, str | int]) -> list[JsonObject]:
        operation = "list people"
        try:
            page = decoded(self._http.ask(operation, "GET", _PEOPLE, params=query))
        except _PastTheEndError:
            return []
        if not (isinstance(page, list) and all(isinstance(person, dict) for person in page)):
            raise RondoClubError(operation, reason="the answer is not a list of persons")
        return page

    def _delete(self, operation: str, path: str, person_id: int) -> None:
        try:
            self._http.ask(operation, "DELETE", path, subject=str(person_id))
        except RondoClubNotFoundError:
            return


def _photo(person_id: int) -> str:
    return f"rondo/v1/people/{person_id}/photo"


def _person_id(operation: str, answer: JsonObject) -> int:
    person_id = answer.get("id")
    if not isinstance(person_id, int):
        raise RondoClubError(operation, reason="the answer shows no id")
    return person_id


def _explain(response: httpx.Response) -> Refusal:
    remedy = _REMEDIES.get(response.status_code)
    body = decoded(response)
    if not (isinstance(body, dict) and body.get("code")):
        return Refusal(remedy=remedy)
    reason = _reason(body)
    if body["code"] == _PAST_THE_END:
        return Refusal(reason=reason, error=_PastTheEndError)
    if _is_gone(response.status_code, body):
        return Refusal(reason=reason, error=RondoClubNotFoundError)
    return Refusal(reason=reason, remedy=remedy)


def _reason(body: JsonObject) -> str:
    """Code and message, and what WordPress has against each parameter."""
    data = body.get("data")
    params = data.get("params") if isinstance(data, dict) else None
    details = " ".join(map(str, params.values())) if isinstance(params, dict) else None
    return ": ".join(str(part) for part in (body["code"], body.get("message"), details) if part)


def _is_gone(status: int, body: JsonObject) -> bool:
    data = body.get("data")
    statuses = {status, data.get("status") if isinstance(data, dict) else None}
    return body["code"] in _GONE_CODES or (HTTPStatus.NOT_FOUND in statuses and body["code"] != _NO_ROUTE)
