"""Sportlink Club: members and their photos, from the pages that a browser opens and the JSON that these ask for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote, urljoin

import httpx
import pyotp
from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipelines.clients import JsonObject
from pipelines.clients.http import Client, Http, Pace, Refusal, one_line
from pipelines.errors import LoginError, SportlinkError
from pipelines.settings import SportlinkSettings

_ENTITY = "/navajo/entity/common/clubweb/member"
_LOGIN_PAGES = "/auth/realms/"
_LOG_IN = "log in"
_PHOTO_TIMEOUT_S = 10.0
_SMALLEST_PHOTO = 100
_EXTENSIONS = {"image/png": "png", "image/webp": "webp", "image/gif": "gif"}

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A member's photo; `extension` is without a dot, `photo_date` as Sportlink writes it."""

    content: bytes
    extension: str
    photo_date: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """A form as a browser gets it; `fields` includes the hidden ones, which have to go back."""

    action: str
    fields: dict[str, str]


class _Page:
    """A page and what can be found on it."""

    def __init__(self, response: httpx.Response) -> None:
        self._url = str(response.url)
        self._html = LexborHTMLParser(response.text)

    def has(self, selector: str) -> bool:
        return self._html.css_first(selector) is not None

    def text(self, selector: str) -> str:
        node = self._html.css_first(selector)
        return node.text() if node else ""

    def form_with(self, selector: str) -> _Form | None:
        form = self._html.css_first(f"form:has({selector})")
        if form is None:
            return None
        fields = {_attribute(field, "name"): _attribute(field, "value") for field in form.css("input[name]")}
        return _Form(action=urljoin(self._url, _attribute(form, "action")), fields=fields)


class _SessionEndedError(LoginError):
    """Sportlink asks for a login where only a user may look."""


class SportlinkClient(Client):
    """Works in one session, which begins when it is first needed and is renewed when it has expired."""

    def __init__(
        self, settings: SportlinkSettings, *, retry_wait_s: float = 1.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        super().__init__(Http(SportlinkError, _explain, retry_wait_s=retry_wait_s, base_url=settings.url, transport=transport))
        self._settings = settings
        self._has_session = False
        self._login_error: SportlinkError | None = None
        self._member_pace = Pace(settings.delay_s)
        self._photo_pace = Pace(settings.photo_delay_s)

    def download_members(self) -> list[JsonObject]:
        """Return all members as Sportlink shows them, with their teams."""
        return self._as_user(self._search_members)

    def download_photo(self, knvb_id: str) -> Photo | None:
        """Return a member's photo; None when there is none."""
        self._photo_pace.wait()
        shown = self._as_user(lambda: self._find_photo(knvb_id))
        # The address is signed and worthless in a few hours: it is used at once and kept nowhere.
        return self._fetch_photo(knvb_id, shown) if shown.get("Url") else None

    def update_contact(self, knvb_id: str, fields: Mapping[str, str]) -> None:
        """Change a member's Email, Email2, Mobile or Phone, and look whether Sportlink stored it.

        Raises:
            SportlinkError: Sportlink refused a value, or shows another one afterwards.
        """
        self._member_pace.wait()
        self._as_user(lambda: self._fill_in(knvb_id, fields))

    # ----------------------------------------------------------------------------------- what a user does

    def _search_members(self) -> list[JsonObject]:
        operation = "download members"
        # A search is answered only to a session that has opened the page for it.
        self._http.ask(operation, "GET", "/member/search")
        url = f"{_ENTITY}/search/SearchMembers"
        members = self._http.ask_object(operation, "POST", url, json={"FetchUnionTeams": True}).get("Members")
        if not (isinstance(members, list) and all(isinstance(member, dict) for member in members)):
            raise SportlinkError(operation, reason="the answer shows no list of members")
        return members

    def _find_photo(self, knvb_id: str) -> JsonObject:
        query = {"PublicPersonId": knvb_id}
        header = self._http.ask_object("find photo", "GET", f"{_ENTITY}/MemberHeader", subject=knvb_id, params=query)
        photo = header.get("Photo")
        return photo if isinstance(photo, dict) else {}

    def _fetch_photo(self, knvb_id: str, shown: JsonObject) -> Photo | None:
        operation = "download photo"
        try:
            response = self._http.ask(operation, "GET", str(shown["Url"]), subject=knvb_id, timeout=_PHOTO_TIMEOUT_S)
        except SportlinkError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        content = response.content
        if len(content) < _SMALLEST_PHOTO:
            raise SportlinkError(operation, subject=knvb_id, reason=f"{len(content)} bytes are no photo")
        content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        extension = _EXTENSIONS.get(content_type, "jpg")
        return Photo(content=content, extension=extension, photo_date=shown.get("PhotoDate"))

    def _fill_in(self, knvb_id: str, fields: Mapping[str, str]) -> None:
        operation = "update contact"
        form = self._open_contact(operation, knvb_id)
        self._submit(operation, form, fields, subject=knvb_id)
        stored = self._open_contact(operation, knvb_id).fields
        lost = sorted(name for name, value in fields.items() if stored.get(name) != value.strip())
        if lost:
            raise SportlinkError(operation, subject=knvb_id, reason=f"Sportlink did not store {', '.join(lost)}")

    def _open_contact(self, operation: str, knvb_id: str) -> _Form:
        url = f"/member/member-details/{quote(knvb_id, safe='')}/general"
        form = _Page(self._http.ask(operation, "GET", url, subject=knvb_id)).form_with("[type=submit]")
        if form is None:
            raise SportlinkError(operation, subject=knvb_id, reason="the page has no form")
        return form

    def _submit(
        self, operation: str, form: _Form, values: Mapping[str, str], *, subject: str | None = None, repeatable: bool = True
    ) -> _Page:
        """Send a form as a browser does, and return the page that comes of it."""
        response = self._http.ask(
            operation,
            "POST",
            form.action,
            subject=subject,
            repeatable=repeatable,
            data={**form.fields, **values},
            follow_redirects=True,
        )
        return _Page(response)

    # ----------------------------------------------------------------------------------- the login

    def _as_user(self, work: Callable[[], _Result]) -> _Result:
        """Do something that needs a session; all over again where the session ends in the middle of it."""
        if not self._has_session:
            self._log_in()
        try:
            return work()
        except _SessionEndedError:
            self._log_in()
            return work()

    def _log_in(self) -> None:
        """Start a session; a login that failed once is not tried again: every item would, and the account be locked."""
        if self._login_error:
            raise self._login_error.with_traceback(None)
        self._has_session = False
        try:
            self._walk_login()
        except SportlinkError as error:
            self._login_error = error
            raise
        self._has_session = True

    def _walk_login(self) -> None:
        page = self._answer_code(self._answer_password(self._open_login()))
        if not page.has("#panelHeaderTasks"):
            raise LoginError(_LOG_IN, reason="no dashboard after the login", remedy="log in by hand and look")

    def _open_login(self) -> _Form:
        page = _Page(self._http.ask(_LOG_IN, "GET", "/", follow_redirects=True))
        form = page.form_with("#password")
        if form is None:
            raise LoginError(_LOG_IN, reason="no login form", remedy="check SPORTLINK_URL")
        return form

    def _answer_password(self, form: _Form) -> _Form:
        given = {"username": self._settings.username, "password": self._settings.password}
        page = self._submit(_LOG_IN, form, given)
        question = page.form_with("#otp")
        if question is None:
            reason = one_line(page.text("#input-error")) or "no question for the one-time code"
            raise LoginError(_LOG_IN, reason=reason, remedy="check SPORTLINK_USERNAME and SPORTLINK_PASSWORD")
        return question

    def _answer_code(self, form: _Form) -> _Page:
        """Answer with the code of now and, as a code is good once and may have been used just before, the next one."""
        codes = pyotp.TOTP(self._settings.otp_secret)
        now = datetime.now(UTC)
        page = self._submit(_LOG_IN, form, {"otp": codes.at(now)}, repeatable=False)
        again = page.form_with("#otp")
        if again:
            page = self._submit(_LOG_IN, again, {"otp": codes.at(now, counter_offset=1)}, repeatable=False)
        if page.has("#otp"):
            remedy = "check SPORTLINK_OTP_SECRET and the clock, or wait a minute: a code is good once"
            raise LoginError(_LOG_IN, reason=one_line(page.text("#input-error")), remedy=remedy)
        return page


def _attribute(node: LexborNode, name: str) -> str:
    return node.attributes.get(name) or ""


def _explain(response: httpx.Response) -> Refusal:
    if _LOGIN_PAGES in response.headers.get("Location", ""):
        return Refusal(reason="the session has ended", error=_SessionEndedError)
    page = _Page(response)
    reason = page.text("#input-error") or page.text("#error")
    if _LOGIN_PAGES in response.url.path:
        return Refusal(reason=reason, error=LoginError)
    return Refusal(reason=reason, remedy="correct the value in Rondo Club" if page.has("#error") else None)
