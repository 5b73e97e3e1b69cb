"""Sportlink Club: what its pages show of members, teams and cases; it has no API, so a user looks and fills in forms."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
from selectolax.lexbor import LexborHTMLParser

from pipelines.clients import JsonObject
from pipelines.clients.codes import codes_of_base32
from pipelines.clients.http import Call, Http, Pace, Refusal, one_line
from pipelines.clients.session import SiteClient
from pipelines.clients.site import Ask, Form, SessionEndedError
from pipelines.errors import LoginError, SportlinkError
from pipelines.result import Clock, utc_now
from pipelines.settings import SportlinkSettings

if TYPE_CHECKING:
    from pipelines.clients.chromium import Chromium

logger = logging.getLogger(__name__)

_ENTITIES = "/navajo/entity/common/clubweb"
_SEARCH_CLICKS = ("#btnShowMore", "#scFetchUnionTeams_input", "#btnSearch")
_CASES_TABS = ("button:has-text('Individuele tuchtzaken'), [role=tab]:has-text('Individuele tuchtzaken')",)
_CASES_KEYS = ("Cases", "Results", "Items", "Data")

_LOGIN_PAGES = "/auth/realms/"
_LOG_IN = Call(operation="log in")
_PASSWORD_FORM = Form(css="form:has(#password)", button="#kc-login")
_CODE_FORM = Form(css="form:has(#otp)", button="#kc-login")
_CONTACT_FORM = Form(
    css="form:has([type=submit])",
    button="#btnSave, button[type=submit]",
    edit='button[data-action="edit"], .edit-button, #btnEdit',
)
_DASHBOARD = "#panelHeaderTasks"
_LOGIN_ERROR = "#input-error"

_LIST_TIMEOUT_S = 60.0
_TAB_TIMEOUT_S = 15.0
_TEAM_TIMEOUT_S = 10.0
_CODE_TIMEOUT_S = 45.0
_DASHBOARD_TIMEOUT_S = 30.0
_PHOTO_TIMEOUT_S = 10.0
_CLOCKS_DIFFER_S = 1.0
_SMALLEST_PHOTO = 100
_EXTENSIONS = {"image/png": "png", "image/webp": "webp", "image/gif": "gif"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A member's photo; `extension` is without a dot, `photo_date` as Sportlink writes it."""

    content: bytes
    extension: str
    photo_date: str | None


class _SessionEndedError(LoginError, SessionEndedError):
    """Sportlink asks for a login where only a user may look."""


class SportlinkClient(SiteClient):
    """Works in one session, which begins when it is first needed and is renewed when it has expired.

    Args:
        settings: Where Sportlink is, and who logs in.
        retry_wait_s: Pause before something is asked for once more.
        browser: A real browser; None for plain HTTP.
        clock: Tells which one-time codes are good.
        sleep: Waits for the next of them.
        transport: The seam to the network.
    """

    def __init__(  # noqa: PLR0913  each is something that a test or a run sets by itself
        self,
        settings: SportlinkSettings,
        *,
        retry_wait_s: float = 1.0,
        browser: "Chromium | None" = None,
        clock: Clock = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        http = Http(SportlinkError, _explain, retry_wait_s=retry_wait_s, base_url=settings.url, transport=transport)
        super().__init__(http, settings.url, browser)
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._member_pace = Pace(settings.delay_s)
        self._last_member = ""
        self._photo_pace = Pace(settings.photo_delay_s)

    def download_members(self) -> list[JsonObject]:
        """Return all members as Sportlink shows them, with their teams."""
        call = Call(operation="download members")
        search = Ask(
            path=f"{_ENTITIES}/member/search/SearchMembers",
            body={"FetchUnionTeams": True},
            timeout_s=_LIST_TIMEOUT_S,
            is_required=True,
        )
        [answer] = self._look(call, "/member/search", search, clicks=_SEARCH_CLICKS)
        return _objects(call, answer, "Members")

    def download_teams(self) -> list[JsonObject]:
        """Return the union teams and the club teams as Sportlink shows them, with "kind": "union" or "club"."""
        return [*self._list_teams("Union"), *self._list_teams("Club")]

    def download_team_members(self, team: JsonObject) -> list[JsonObject]:
        """Return who belongs to a team, players first, as `PublicPersonId` and `role`; a role may be empty.

        Args:
            team: As `download_teams` returns it.
        """
        team_id, kind = str(team["PublicTeamId"]), str(team["kind"]).capitalize()
        query = {"PublicTeamId": team_id}
        asks = [
            Ask(path=f"{_ENTITIES}/team/{kind}Team{part}", query=query, timeout_s=_TEAM_TIMEOUT_S)
            for part in ("Players", "NonPlayers")
        ]
        call = Call(operation="download team", subject=team_id)
        players, staff = self._look(call, f"/teams/team-details/{quote(team_id, safe='')}/members", *asks)
        return [
            *(_team_member(person, "RoleFunctionDescription") for person in _evened(players, "Person")),
            *(_team_member(person, "FunctionDescription") for person in _evened(staff, "Person")),
        ]

    def download_functions(self, knvb_id: str) -> tuple[list[JsonObject] | None, list[JsonObject] | None]:
        """Return a member's functions in the club, and the places in committees; None where Sportlink does not say."""
        self._turn_to(knvb_id)
        paths = ("function/MemberFunctions", "function/MemberCommittees")
        functions, committees = self._look_at_tab("functions", knvb_id, *paths)
        return _told(functions, "Function"), _told(committees, "Committee")

    def download_other(self, knvb_id: str) -> tuple[JsonObject | None, JsonObject | None]:
        """Return a member's free fields, and the header with financial block and photo; None where there are none."""
        self._turn_to(knvb_id)
        fields, header = self._look_at_tab("other", knvb_id, "remarks/MemberFreeFields", "MemberHeader")
        return _first(fields, "FreeFields"), header if isinstance(header, dict) else None

    def download_invoice(self, knvb_id: str) -> tuple[JsonObject | None, JsonObject | None]:
        """Return where a member's invoices go, and to whom; None where nothing is known."""
        self._turn_to(knvb_id)
        paths = ("financial/MemberPaymentInvoiceAddress", "financial/MemberPaymentInvoiceInformation")
        address, information = self._look_at_tab("financial", knvb_id, *paths)
        return _first(address, "Address"), _first(information, "PaymentInvoiceInformation")

    def download_discipline_cases(self) -> list[JsonObject]:
        """Return the discipline cases of persons."""
        call = Call(operation="download discipline cases")
        cases = Ask(path=f"{_ENTITIES}/competition/DisciplineClubCasesPlayer", timeout_s=_LIST_TIMEOUT_S, is_required=True)
        [answer] = self._look(call, "/competition-affairs/discipline-cases", cases, clicks=_CASES_TABS)
        key = next((key for key in _CASES_KEYS if isinstance(answer, dict) and key in answer), "")
        return _objects(call, answer if isinstance(answer, dict) else {key: answer}, key)

    def download_photo(self, knvb_id: str) -> Photo | None:
        """Return a member's photo; None when Sportlink shows that there is none."""
        self._photo_pace.wait()
        operation = "find photo"
        [header] = self._look_at_tab("other", knvb_id, "MemberHeader", operation=operation)
        if header is None:
            raise self._http.fail(Call(operation=operation, subject=knvb_id), "the page shows no header")
        shown = _first(header, "Photo") or {}
        # The address is signed and worthless in a few hours: it is used at once and kept nowhere.
        return self._fetch_photo(knvb_id, shown) if shown.get("Url") else None

    def update_contact(self, knvb_id: str, fields: Mapping[str, str]) -> None:
        """Change a member's Email, Email2, Mobile or Phone, and look whether Sportlink stored it.

        Raises:
            SportlinkError: Sportlink refused a value, or shows another one afterwards.
        """
        self._member_pace.wait()
        self._as_user(lambda: self._fill_in(Call(operation="update contact", subject=knvb_id), fields))

    # ----------------------------------------------------------------------------------- what a user does

    def _look(self, call: Call, path: str, *asks: Ask, clicks: tuple[str, ...] = ()) -> list[Any]:
        return self._as_user(lambda: self._site.open(call, path, asks=asks, clicks=clicks))

    def _look_at_tab(self, tab: str, knvb_id: str, *paths: str, operation: str | None = None) -> list[Any]:
        """Open a tab of a member; what it does not tell is None."""
        query = {"PublicPersonId": knvb_id}
        asks = [Ask(path=f"{_ENTITIES}/member/{path}", query=query, timeout_s=_TAB_TIMEOUT_S) for path in paths]
        return self._look(Call(operation=operation or f"download {tab}", subject=knvb_id), _tab(knvb_id, tab), *asks)

    def _turn_to(self, knvb_id: str) -> None:
        """Wait between members; the tabs of one follow each other at once."""
        if knvb_id != self._last_member:
            self._member_pace.wait()
            self._last_member = knvb_id

    def _list_teams(self, kind: str) -> list[JsonObject]:
        call = Call(operation="download teams")
        teams = Ask(path=f"{_ENTITIES}/team/{kind}Teams", timeout_s=_LIST_TIMEOUT_S, is_required=True)
        [answer] = self._look(call, f"/teams/{kind.lower()}-teams", teams)
        return [{**team, "kind": kind.lower()} for team in _objects(call, answer, "Team")]

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

    def _fill_in(self, call: Call, fields: Mapping[str, str]) -> None:
        path = _tab(str(call.subject), "general")
        self._site.open(call, path)
        self._site.submit(call, _CONTACT_FORM, fields)
        self._site.open(call, path)
        stored = self._site.values(_CONTACT_FORM)
        lost = sorted(name for name, value in fields.items() if stored.get(name) != value.strip())
        if lost:
            raise SportlinkError(call.operation, subject=call.subject, reason=f"Sportlink did not store {', '.join(lost)}")

    # ----------------------------------------------------------------------------------- the login

    def _walk_login(self) -> None:
        self._site.open(_LOG_IN, "/", follow=True)
        if not self._site.find("#password", timeout_s=_DASHBOARD_TIMEOUT_S):
            raise LoginError(_LOG_IN.operation, reason="no login form", remedy="check SPORTLINK_URL")
        self._answer_password()
        self._answer_code()
        if not self._site.find(_DASHBOARD, timeout_s=_DASHBOARD_TIMEOUT_S):
            raise LoginError(_LOG_IN.operation, reason="no dashboard after the login", remedy="log in by hand and look")

    def _answer_password(self) -> None:
        self._site.submit(_LOG_IN, _PASSWORD_FORM, {"username": self._settings.username, "password": self._settings.password})
        if self._site.find("#otp", _LOGIN_ERROR, timeout_s=_CODE_TIMEOUT_S) != "#otp":
            reason = one_line(self._site.text(_LOGIN_ERROR)) or "no question for the one-time code"
            raise LoginError(_LOG_IN.operation, reason=reason, remedy="check SPORTLINK_USERNAME and SPORTLINK_PASSWORD")

    def _answer_code(self) -> None:
        once = Call(operation=_LOG_IN.operation, repeatable=False)
        for code in self._codes():
            self._site.submit(once, _CODE_FORM, {"otp": code})
            if self._site.find(_DASHBOARD, "#otp", timeout_s=_DASHBOARD_TIMEOUT_S) != "#otp":
                return
        remedy = "check SPORTLINK_OTP_SECRET and the clock, or wait a minute: a code is good once"
        raise LoginError(_LOG_IN.operation, reason=one_line(self._site.text(_LOGIN_ERROR)), remedy=remedy)

    def _codes(self) -> Iterator[str]:
        """The code of now and the next one and, when both were good for other logins just before, that of a little later."""
        codes = codes_of_base32(self._settings.otp_secret)
        asked_at = self._clock()
        yield codes.at(asked_at)
        yield codes.at(asked_at, counter_offset=1)
        pause_s = (codes.timecode(asked_at) + 1) * codes.interval - self._clock().timestamp() + _CLOCKS_DIFFER_S
        if pause_s > 0:
            logger.info("sportlink: two one-time codes were refused: waiting %.0f s for the next one", pause_s)
            self._sleep(pause_s)
        yield codes.at(self._clock(), counter_offset=1)


def _tab(knvb_id: str, tab: str) -> str:
    return f"/member/member-details/{quote(knvb_id, safe='')}/{tab}"


def _objects(call: Call, answer: Any, key: str) -> list[JsonObject]:
    """The list in an answer that has to have one."""
    rows = answer.get(key) if isinstance(answer, dict) else None
    if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
        raise SportlinkError(call.operation, reason=f"the answer shows no list of {key or 'cases'}")
    return rows


def _evened(answer: Any, key: str) -> list[JsonObject]:
    """The rows of an answer that may have none, or one that is not in a list."""
    rows = answer.get(key) if isinstance(answer, dict) else None
    return [row for row in (rows if isinstance(rows, list) else [rows]) if isinstance(row, dict)]


def _told(answer: Any, key: str) -> list[JsonObject] | None:
    """The rows of an answer; None where there is no answer, which is not to have none."""
    return _evened(answer, key) if isinstance(answer, dict) else None


def _first(answer: Any, key: str) -> JsonObject | None:
    return next(iter(_evened(answer, key)), None)


def _team_member(person: JsonObject, role: str) -> JsonObject:
    return {"PublicPersonId": person.get("PublicPersonId"), "role": str(person.get(role) or "").strip()}


def _explain(response: httpx.Response) -> Refusal:
    if _LOGIN_PAGES in response.headers.get("Location", ""):
        return Refusal(reason="the session has ended", error=_SessionEndedError)
    page = LexborHTMLParser(response.text)
    error, refused = (page.css_first(selector) for selector in (_LOGIN_ERROR, "#error"))
    reason = next((node.text() for node in (error, refused) if node), None)
    if _LOGIN_PAGES in response.url.path:
        return Refusal(reason=reason, error=LoginError)
    return Refusal(reason=reason, remedy="correct the value in Rondo Club" if refused else None)
