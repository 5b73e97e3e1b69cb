"""Rondo Club: persons, teams, commissies and discipline cases, over the REST API of WordPress."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from itertools import count
from typing import Any

import httpx

from pipelines.clients import JsonObject
from pipelines.clients.http import Client, Http, Pace, Refusal, decoded
from pipelines.errors import RondoClubError, RondoClubNotFoundError
from pipelines.settings import RondoClubSettings

_PEOPLE = "wp/v2/people"
_TEAMS = "wp/v2/teams"
_COMMISSIES = "wp/v2/commissies"
_CASES = "wp/v2/discipline-cases"
_SEASONS = "wp/v2/seizoen"
_VOLUNTEERS = "rondo/v1/people/filtered"
_WITHOUT_VOG = {"huidig_vrijwilliger": 1, "vog_missing": 1, "vog_older_than_years": 3}
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
    """Reads and writes what Rondo Club keeps; what may happen only once is never repeated blindly."""

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
        self._contributions_pace = Pace(settings.contributions_delay_s)
        self._season_terms: dict[str, int] = {}

    # ----------------------------------------------------------------------------------- persons

    def find_person_by_email(self, email: str) -> int | None:
        """Return the id of the person with this address; None when there is none."""
        answer = self._http.ask_object("find person by email", "GET", "rondo/v1/people/find-by-email", params={"email": email})
        return None if answer.get("id") is None else _id("find person by email", answer)

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
        query = {"_fields": "id,modified_gmt,acf"} | ({"modified_after": modified_after} if modified_after else {})
        return self._list_all("list people", _PEOPLE, query)

    def list_volunteers_without_vog(self) -> Iterator[str]:
        """Give the KNVB IDs of volunteers whose certificate of conduct is missing or older than three years."""
        operation = "list volunteers"
        for number in count(1):
            query = {**_WITHOUT_VOG, "per_page": _PAGE_SIZE, "page": number}
            answer = self._http.ask_object(operation, "GET", _VOLUNTEERS, params=query)
            people = _rows(operation, answer.get("people"))
            yield from filter(None, map(_knvb_id, people))
            if number >= answer.get("total_pages", 0):
                return

    def create_person(self, body: JsonObject, *, subject: str | None = None) -> int:
        """Create a person and return its id.

        Never repeated where it may have happened: a second one would be a duplicate.
        """
        return self._create("create person", _PEOPLE, body, subject)

    def update_person(self, person_id: int, body: JsonObject) -> JsonObject:
        """Change a person and return it as stored now.

        Args:
            person_id: The person's id.
            body: Holds both names in `acf`, whatever else it changes; a repeater in it replaces the stored one.

        Raises:
            RondoClubNotFoundError: There is no such person any more.
        """
        return self._update("update person", _PEOPLE, person_id, body)

    def update_contributions(self, person_id: int, body: JsonObject) -> None:
        """As `update_person`, no faster than the settings allow."""
        self._contributions_pace.wait()
        self._update("update contributions", _PEOPLE, person_id, body)

    def delete_person(self, person_id: int) -> None:
        """Put a person in the trash; one that is gone already is fine."""
        self._delete("delete person", f"{_PEOPLE}/{person_id}", person_id)

    def add_activity(self, person_id: int, *, content: str, activity_type: str, activity_date: str) -> None:
        """Add a line to a person's history; `activity_date` is YYYY-MM-DD."""
        body = {"content": content, "activity_type": activity_type, "activity_date": activity_date}
        path = f"rondo/v1/people/{person_id}/activities"
        self._http.ask("add activity", "POST", path, subject=str(person_id), repeatable=False, json=body)

    def create_todo(self, person_id: int, *, content: str, due_date: str | None = None) -> None:
        """Give the club something to do about a person; `due_date` is YYYY-MM-DD."""
        body = {"content": content, **({"due_date": due_date} if due_date else {})}
        path = f"rondo/v1/people/{person_id}/todos"
        self._http.ask("create todo", "POST", path, subject=str(person_id), repeatable=False, json=body)

    def upload_photo(self, person_id: int, *, content: bytes, filename: str, content_type: str) -> None:
        """Make an image the person's photo, in place of the one before."""
        self._photo_pace.wait()
        files = {"file": (filename, content, content_type)}
        self._http.ask("upload photo", "POST", _photo(person_id), subject=str(person_id), files=files)

    def delete_photo(self, person_id: int) -> None:
        """Take a person's photo away; one that is gone already is fine."""
        self._photo_pace.wait()
        self._delete("delete photo", _photo(person_id), person_id)

    # ----------------------------------------------------------------------------------- teams, commissies and cases

    def list_teams(self) -> list[JsonObject]:
        """Return all teams."""
        return list(self._list_all("list teams", _TEAMS))

    def create_team(self, body: JsonObject, *, subject: str | None = None) -> int:
        """Create a team and return its id; never repeated where it may have happened."""
        return self._create("create team", _TEAMS, body, subject)

    def update_team(self, team_id: int, body: JsonObject, *, subject: str | None = None) -> None:
        """Change a team.

        Raises:
            RondoClubNotFoundError: There is no such team any more.
        """
        self._update("update team", _TEAMS, team_id, body, subject)

    def delete_team(self, team_id: int) -> None:
        """Delete a team for good; one that is gone already is fine."""
        self._delete("delete team", f"{_TEAMS}/{team_id}", team_id, json={"force": True})

    def list_commissies(self) -> list[JsonObject]:
        """Return all commissies."""
        return list(self._list_all("list commissies", _COMMISSIES))

    def create_commissie(self, body: JsonObject, *, subject: str | None = None) -> int:
        """Create a commissie and return its id; never repeated where it may have happened."""
        return self._create("create commissie", _COMMISSIES, body, subject)

    def update_commissie(self, commissie_id: int, body: JsonObject, *, subject: str | None = None) -> None:
        """Change a commissie.

        Raises:
            RondoClubNotFoundError: There is no such commissie any more.
        """
        self._update("update commissie", _COMMISSIES, commissie_id, body, subject)

    def delete_commissie(self, commissie_id: int) -> None:
        """Delete a commissie for good; one that is gone already is fine."""
        self._delete("delete commissie", f"{_COMMISSIES}/{commissie_id}", commissie_id, json={"force": True})

    def list_cases(self) -> list[JsonObject]:
        """Return all discipline cases, without those in the trash."""
        return list(self._list_all("list cases", _CASES))

    def create_case(self, body: JsonObject, *, subject: str | None = None) -> int:
        """Create a discipline case and return its id; never repeated where it may have happened."""
        return self._create("create case", _CASES, body, subject)

    def update_case(self, case_id: int, body: JsonObject, *, subject: str | None = None) -> None:
        """Change a discipline case.

        Raises:
            RondoClubNotFoundError: There is no such case any more.
        """
        self._update("update case", _CASES, case_id, body, subject)

    def delete_case(self, case_id: int, *, subject: str | None = None) -> None:
        """Put a discipline case in the trash; one that is gone already is fine."""
        self._delete("delete case", f"{_CASES}/{case_id}", case_id, subject)

    def season_term(self, slug: str) -> int:
        """Return the id of a season such as 2025-2026, which is created where it is missing."""
        if slug not in self._season_terms:
            found = _rows("find season", decoded(self._http.ask("find season", "GET", _SEASONS, params={"slug": slug})))
            body = {"name": slug, "slug": slug}
            self._season_terms[slug] = (
                _id("find season", found[0]) if found else self._create("create season", _SEASONS, body, slug)
            )
        return self._season_terms[slug]

    # ----------------------------------------------------------------------------------- what posts of all types share

    def _list_all(self, operation: str, path: str, query: Mapping[str, str] | None = None) -> Iterator[JsonObject]:
        for number in count(1):
            page = self._list_page(operation, path, {**(query or {}), "per_page": _PAGE_SIZE, "page": number})
            yield from page
            if len(page) < _PAGE_SIZE:
                return

    def _list_page(self, operation: str, path: str, query: Mapping[str, str | int]) -> list[JsonObject]:
        try:
            return _rows(operation, decoded(self._http.ask(operation, "GET", path, params=query)))
        except _PastTheEndError:
            return []

    def _create(self, operation: str, path: str, body: JsonObject, subject: str | None) -> int:
        return _id(operation, self._http.ask_object(operation, "POST", path, subject=subject, repeatable=False, json=body))

    def _update(self, operation: str, path: str, post_id: int, body: JsonObject, subject: str | None = None) -> JsonObject:
        return self._http.ask_object(operation, "PUT", f"{path}/{post_id}", subject=subject or str(post_id), json=body)

    def _delete(self, operation: str, path: str, post_id: int, subject: str | None = None, **content: Any) -> None:
        try:
            self._http.ask(operation, "DELETE", path, subject=subject or str(post_id), **content)
        except RondoClubNotFoundError:
            return


def _knvb_id(person: JsonObject) -> str:
    acf = person.get("acf")
    return str(acf.get("knvb-id") or "") if isinstance(acf, dict) else ""


def _photo(person_id: int) -> str:
    return f"rondo/v1/people/{person_id}/photo"


def _id(operation: str, answer: JsonObject) -> int:
    post_id = answer.get("id")
    if not isinstance(post_id, int):
        raise RondoClubError(operation, reason="the answer shows no id")
    return post_id


def _rows(operation: str, answer: Any) -> list[JsonObject]:
    if not (isinstance(answer, list) and all(isinstance(row, dict) for row in answer)):
        raise RondoClubError(operation, reason="the answer is not a list of objects")
    return answer


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
