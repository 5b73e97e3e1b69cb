"""Sportlink Club: pages behind a login, and the JSON answers that its pages ask for."""

import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from pipelines.sandbox.calls import Call
from pipelines.sandbox.club import Club, JsonObject
from pipelines.sandbox.entities import ANSWERS, CASES, ENTITY, TABS, Answer
from pipelines.sandbox.faults import Fault, FaultKind
from pipelines.sandbox.logins import Account, Logins, Session
from pipelines.sandbox.pages import (
    ANALYTICS,
    CONTACT_INPUTS,
    LOGIN_ACTION,
    asking_page,
    code_page,
    dashboard_page,
    login_page,
    member_page,
    message_page,
    search_page,
)
from pipelines.sandbox.secrets import otp_secret, secret
from pipelines.sandbox.system import Handler, System

LOGIN_PATH = "/auth/realms/sportlink/login"
MEMBER = "/member/member-details/{knvb_id}"
PHOTO_URL_S = 4 * 60 * 60
ATTEMPT_COOKIE = "AUTH_SESSION_ID"
SESSION_COOKIE = "SPORTLINK_SESSION"

_ADDRESS = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")
_STORED_AS = {"Email": "Email", "Email2": "EmailAlternative", "Mobile": "Mobile", "Phone": "Telephone"}


class Sportlink(System):
    """The member administration. It serves the club itself: what is changed here is changed in the club."""

    name: ClassVar[str] = "sportlink"

    def __init__(self, club: Club, path: Path, *, clock: Callable[[], float]) -> None:
        self._club = club
        self._path = path
        self._clock = clock
        self._account = Account(
            username="sync@voorbeeldclub.example",
            password=secret(club.seed, "sportlink-password"),
            otp_secret=otp_secret(club.seed),
        )
        self._photo_key = secret(club.seed, "sportlink-photos").encode()
        self.logins = Logins(self._account, clock=clock)

    def settings(self, url: str) -> Mapping[str, str]:
        """The environment variables that lead a client here."""
        return {
            "SPORTLINK_URL": url,
            "SPORTLINK_USERNAME": self._account.username,
            "SPORTLINK_PASSWORD": self._account.password,
            "SPORTLINK_OTP_SECRET": self._account.otp_secret,
            "SPORTLINK_DELAY_S": "0",
        }

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        """Login, member search, header and photo, the general tab, and what other pages ask for."""
        yield "GET", LOGIN_PATH, self._show_login
        yield "POST", LOGIN_ACTION, self._take_login
        yield "GET", "/photos/{knvb_id}", self._show_photo
        yield "GET", "/", lambda _: HTMLResponse(dashboard_page())
        yield "GET", "/member/search", self._show_search
        yield "POST", f"{ENTITY}/member/search/SearchMembers", self._search_members
        yield "GET", f"{ENTITY}/member/MemberHeader", self._show_header
        yield "GET", f"{MEMBER}/general", self._show_member
        yield "POST", f"{MEMBER}/general", self._change_member
        yield "GET", f"{MEMBER}/{{tab}}", self._show_tab
        yield "GET", "/teams/union-teams", lambda _: HTMLResponse(_teams_page("Union"))
        yield "GET", "/teams/club-teams", lambda _: HTMLResponse(_teams_page("Club"))
        yield "GET", "/teams/team-details/{team_id}/members", self._show_team
        yield "GET", "/competition-affairs/discipline-cases", lambda _: HTMLResponse(_cases_page())
        yield "POST", ANALYTICS, lambda _: Response(status_code=204)
        yield "GET", ANALYTICS, lambda _: Response(status_code=204)
        for path, answer in ANSWERS.items():
            yield "GET", path, self._entity(answer)

    def refuse_caller(self, call: Call) -> Response | None:
        """Everything needs a session, but the login itself and the photos, whose addresses are signed."""
        if call.path.startswith(("/auth/realms/", "/photos/")) or self._session(call):
            return None
        return RedirectResponse(f"{LOGIN_PATH}?redirect_uri={quote(call.path, safe='')}", 302)

    def subject(self, call: Call) -> str:
        """The KNVB ID, else the key of a team."""
        return str(
            call.params.get("knvb_id")
            or call.query.get("PublicPersonId")
            or call.params.get("team_id")
            or call.query.get("PublicTeamId")
            or call.path
        )

    def fail(self, fault: Fault, call: Call) -> Response:
        """A refused photo is cut short; refused data and forms say so; all else is a plain page."""
        match fault.kind:
            case FaultKind.TOO_MANY_REQUESTS:
                return PlainTextResponse("Too Many Requests", 429, {"Retry-After": f"{fault.seconds:.0f}"})
            case FaultKind.REFUSED if call.path.startswith("/photos/"):
                return Response(b"\xff\xd8\xff", media_type="image/jpeg")
            case FaultKind.REFUSED if call.method == "GET":
                return HTMLResponse(message_page("Geen toegang", "Je mag deze gegevens niet zien."), 403)
            case FaultKind.REFUSED:
                error = '<span id="error">De wijziging is geweigerd.</span>'
                return HTMLResponse(error, 422)
            case _:
                return HTMLResponse(message_page("Storing", "Er is een fout opgetreden."), 500)

    def no_route(self, call: Call) -> Response:
        """The answer where there is nothing."""
        return HTMLResponse(message_page("Niet gevonden", f"{call.path} bestaat niet."), 404)

    def _session(self, call: Call) -> Session | None:
        return self.logins.find_session(call.cookies.get(SESSION_COOKIE))

    def _show_login(self, call: Call) -> Response:
        target = call.query.get("redirect_uri", "/")
        cookie, attempt = self.logins.begin(target if target.startswith("/") and not target.startswith("//") else "/")
        response = HTMLResponse(login_page(attempt.token))
        response.set_cookie(ATTEMPT_COOKIE, cookie, path="/auth/realms/sportlink/", httponly=True)
        return response

    def _take_login(self, call: Call) -> Response:
        cookie = call.cookies.get(ATTEMPT_COOKIE, "")
        attempt = self.logins.find_attempt(cookie, str(call.fields.get("session_code", "")))
        if attempt is None:
            return HTMLResponse(message_page("Inloggen", "De inlogpoging is verlopen. Begin opnieuw."), 400)
        if not attempt.knows_password:
            given = (str(call.fields.get(name, "")) for name in ("username", "password"))
            if self.logins.check_password(attempt, *given):
                return HTMLResponse(code_page(attempt.token))
            return HTMLResponse(login_page(attempt.token, error="Ongeldige gebruikersnaam of wachtwoord."))
        if not self.logins.check_code(str(call.fields.get("otp", ""))):
            return HTMLResponse(code_page(attempt.token, error="Ongeldige eenmalige code."))
        response = RedirectResponse(attempt.target, 302)
        response.set_cookie(SESSION_COOKIE, self.logins.finish(cookie), httponly=True)
        return response

    def _show_search(self, call: Call) -> Response:
        if session := self._session(call):
            session.searching = True
        return HTMLResponse(search_page())

    def _search_members(self, call: Call) -> Response:
        session = self._session(call)
        if session is None or not session.searching:
            return JSONResponse({"Error": "No search in progress"}, 403)
        if not isinstance(call.body, dict):
            return JSONResponse({"Error": "Body is not a JSON object"}, 400)
        members = self._club.members
        if call.body.get("FetchUnionTeams") is not True:
            members = [{**member, "UnionTeams": ""} for member in members]
        return JSONResponse({"Members": members})

    def _show_header(self, call: Call) -> Response:
        knvb_id = call.query.get("PublicPersonId", "")
        member = self._club.find_member(knvb_id) if knvb_id else None
        if member is None:
            return JSONResponse({"Error": "Person not found"}, 404)
        photo = None
        if self._club.find_photo(knvb_id):
            photo = {"Url": f"{call.base_url}{self._sign(knvb_id)}", "PhotoDate": member["PersonImageDate"]}
        is_blocked = knvb_id in self._club.blocked
        return JSONResponse({"PublicPersonId": knvb_id, "HasFinancialTransferBlockOwnClub": is_blocked, "Photo": photo})

    def _show_tab(self, call: Call) -> Response:
        knvb_id, tab = call.params["knvb_id"], call.params["tab"]
        if tab not in TABS or self._club.find_member(knvb_id) is None:
            return self.no_route(call)
        asks = (f"{ENTITY}/member/{name}?PublicPersonId={quote(knvb_id)}" for name in TABS[tab])
        return HTMLResponse(asking_page(knvb_id, *asks))

    def _show_team(self, call: Call) -> Response:
        team_id = call.params["team_id"]
        team = next((team for team in self._club.teams if team.team_id == team_id), None)
        if team is None:
            return self.no_route(call)
        kind = "Union" if team.is_union else "Club"
        asks = (f"{ENTITY}/team/{kind}Team{part}?PublicTeamId={quote(team_id)}" for part in ("Players", "NonPlayers"))
        return HTMLResponse(asking_page(team.code, *asks))

    def _entity(self, answer: Answer) -> Handler:
        def handle(call: Call) -> Response:
            found = answer(self._club, call.query)
            return JSONResponse({"Error": "Not found"}, 404) if found is None else JSONResponse(found)

        return handle

    def _show_photo(self, call: Call) -> Response:
        knvb_id, expires = call.params["knvb_id"], call.query.get("expires", "")
        signed = hmac.compare_digest(call.query.get("signature", "").encode(), self._signature(knvb_id, expires).encode())
        if not signed or int(expires) <= self._clock():
            return PlainTextResponse("Unauthorized", 401)
        photo = self._club.find_photo(knvb_id)
        return Response(photo.content, media_type=photo.content_type) if photo else PlainTextResponse("Not Found", 404)

    def _show_member(self, call: Call) -> Response:
        member = self._club.find_member(call.params["knvb_id"])
        return self._member_answer(call, member) if member else self.no_route(call)

    def _change_member(self, call: Call) -> Response:
        session, member = self._session(call), self._club.find_member(call.params["knvb_id"])
        if session is None or not hmac.compare_digest(str(call.fields.get("_csrf", "")), session.csrf_token):
            return HTMLResponse(message_page("Geweigerd", "Het formulier is verlopen."), 403)
        if member is None:
            return self.no_route(call)
        written = {field: str(call.fields[field]).strip() for field in CONTACT_INPUTS if field in call.fields}
        wrong = [field for field in ("Email", "Email2") if written.get(field) and not _ADDRESS.fullmatch(written[field])]
        if wrong:
            return self._member_answer(call, member, written, error=f"{CONTACT_INPUTS[wrong[0]]}: ongeldig e-mailadres")
        member.update({_STORED_AS[field]: value for field, value in written.items()})
        member["LastUpdate"] = f"{datetime.fromtimestamp(self._clock(), UTC):%Y-%m-%d}"
        self._club.save(self._path)
        return RedirectResponse(call.path, 303)

    def _member_answer(
        self, call: Call, member: JsonObject, written: Mapping[str, str] | None = None, *, error: str | None = None
    ) -> Response:
        session = self._session(call)
        stored = {field: str(member.get(stored_as) or "") for field, stored_as in _STORED_AS.items()}
        page = member_page(
            member["PublicPersonId"],
            str(member.get("FullName") or ""),
            csrf_token=session.csrf_token if session else "",
            values={**stored, **(written or {})},
            error=error,
        )
        return HTMLResponse(page, 422 if error else 200)

    def _sign(self, knvb_id: str) -> str:
        expires = f"{self._clock() + PHOTO_URL_S:.0f}"
        return f"/photos/{quote(knvb_id)}?expires={expires}&signature={self._signature(knvb_id, expires)}"

    def _signature(self, knvb_id: str, expires: str) -> str:
        return hmac.new(self._photo_key, f"{knvb_id} {expires}".encode(), sha256).hexdigest()


def _teams_page(kind: str) -> str:
    """The page asks for the players of all teams first, under a name that is easily mistaken."""
    return asking_page("Teams", f"{ENTITY}/team/{kind}TeamsPlayers", f"{ENTITY}/team/{kind}Teams")


def _cases_page() -> str:
    """The cases of teams, and behind a tab those of persons; who looks is noted elsewhere."""
    noted = f"{ANALYTICS}?event=DisciplineClubCases"
    tabs = (("Teamzaken", f"{noted} {CASES}Team"), ("Individuele tuchtzaken", f"{noted} {CASES}Player"))
    return asking_page("Tuchtzaken", f"{CASES}Team", tabs=tabs)
