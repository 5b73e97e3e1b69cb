"""Nikki: contributions on pages behind a login, in a table that a script fills, and in a report as CSV."""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import ClassVar

from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from pipelines.sandbox.calls import Call
from pipelines.sandbox.club import Club, JsonObject
from pipelines.sandbox.faults import Fault, FaultKind
from pipelines.sandbox.logins import Account, Logins, Session
from pipelines.sandbox.nikki_pages import INTERFERING_SCRIPT, home_page, login_page, members_page, message_page
from pipelines.sandbox.secrets import secret
from pipelines.sandbox.system import Handler, System

COOKIE = "PHPSESSID"
BYTE_ORDER_MARK = "\ufeff"

_NOT_IN_REPORT_EVERY, _REMARK_EVERY, _SHORT_EVERY = 40, 25, 30
_HUNDRED, _THOUSAND = 100, 1000


class Nikki(System):
    """The administration of contributions. It serves those of the club."""

    name: ClassVar[str] = "nikki"

    def __init__(self, club: Club, *, clock: Callable[[], float]) -> None:
        self._club = club
        self._otp_key = secret(club.seed, "nikki-otp", 20)
        self._account = Account(
            username="penningmeester",
            password=secret(club.seed, "nikki-password"),
            otp_secret=base64.b32encode(self._otp_key.encode()).decode(),
        )
        self.logins = Logins(self._account, clock=clock, once=False)

    def settings(self, url: str) -> Mapping[str, str]:
        """The environment variables that lead a client here; the secret is the key itself, not base32."""
        return {
            "NIKKI_URL": url,
            "NIKKI_USERNAME": self._account.username,
            "NIKKI_PASSWORD": self._account.password,
            "NIKKI_OTP_SECRET": self._otp_key,
        }

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        """Login, table and report."""
        yield "GET", "/", self._show_home
        yield "POST", "/login", self._take_login
        yield "GET", "/js/{name}", self._show_script
        yield "GET", "/leden", lambda _: HTMLResponse(members_page())
        yield "GET", "/leden/data", self._list_rows
        yield "GET", "/leden/rapport", self._download_report

    def refuse_caller(self, call: Call) -> Response | None:
        """Whoever is not logged in is led to the form."""
        if call.path in {"/", "/login"} or call.path.startswith("/js/") or self._session(call):
            return None
        return RedirectResponse("/", 302)

    def subject(self, call: Call) -> str:
        """Nothing here is about one member."""
        return call.path

    def fail(self, fault: Fault, call: Call) -> Response:
        """Every failure is a plain page."""
        del call
        match fault.kind:
            case FaultKind.TOO_MANY_REQUESTS:
                return PlainTextResponse("Too Many Requests", 429, {"Retry-After": f"{fault.seconds:.0f}"})
            case FaultKind.REFUSED:
                return HTMLResponse(message_page("Geen toegang"), 403)
            case _:
                return HTMLResponse(message_page("Er is een storing"), 500)

    def no_route(self, call: Call) -> Response:
        """The answer where there is nothing."""
        del call
        return HTMLResponse(message_page("Pagina niet gevonden"), 404)

    def _session(self, call: Call) -> Session | None:
        return self.logins.find_session(call.cookies.get(COOKIE))

    def _show_home(self, call: Call) -> Response:
        return HTMLResponse(home_page()) if self._session(call) else self._login_answer()

    def _take_login(self, call: Call) -> Response:
        cookie = call.cookies.get(COOKIE, "")
        attempt = self.logins.find_attempt(cookie, str(call.fields.get("_token", "")))
        if attempt is None:
            return self._login_answer("De sessie is verlopen, probeer het opnieuw.")
        username, password, code = (str(call.fields.get(name, "")) for name in ("username", "password", "otp"))
        if not (self.logins.check_password(attempt, username, password) and self.logins.check_code(code)):
            return self._login_answer("Onjuiste gegevens.")
        response = RedirectResponse("/", 302)
        response.set_cookie(COOKIE, self.logins.finish(cookie), httponly=True)
        return response

    def _login_answer(self, error: str | None = None) -> Response:
        """The form, for a new attempt."""
        cookie, attempt = self.logins.begin("/")
        response = HTMLResponse(login_page(attempt.token, error=error))
        response.set_cookie(COOKIE, cookie, httponly=True)
        return response

    def _show_script(self, call: Call) -> Response:
        text = INTERFERING_SCRIPT if call.params["name"] == "main.js" else ""
        return Response(text, media_type="text/javascript")

    def _list_rows(self, call: Call) -> Response:
        del call
        return JSONResponse({"data": list(self._rows())})

    def _rows(self) -> Iterator[list[str]]:
        """A row for each contribution, and two that are none: one without a member, and the sum."""
        members = {member.get("PublicPersonId"): member for member in self._club.members}
        for row in self._club.contributions:
            yield _cells(row, members.get(row["knvb_id"], {}))
        saldo_cents = sum(row["saldo_cents"] for row in self._club.contributions)
        yield ["2026", "Oud-lid zonder nummer", "", "", "", "N-1", "€ 10,00", "Openstaand", "Bekijk"]
        yield ["", "Totaal", format_euros(saldo_cents)]

    def _download_report(self, call: Call) -> Response:
        del call
        header = '"nikki_id";"lid_nr";"hoofdsom";"opmerking"'
        rows = (line for number, row in enumerate(self._club.contributions) if (line := _report_line(row, number)))
        text = BYTE_ORDER_MARK + "\r\n".join([header, *rows, ""])
        disposition = {"Content-Disposition": 'attachment; filename="rapport-leden.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=disposition)


def format_euros(cents: int) -> str:
    """An amount as the Dutch write it: € 1.250,00."""
    euros, rest = divmod(abs(cents), _HUNDRED)
    grouped = f"{euros:,}".replace(",", ".")
    return f"{'-' if cents < 0 else ''}€ {grouped},{rest:02}"


def _cells(row: JsonObject, member: JsonObject) -> list[str]:
    saldo = format_euros(row["saldo_cents"]) if row["saldo_cents"] else ""
    known = [str(member.get(name) or "") for name in ("FullName", "DateOfBirth")]
    return [str(row["year"]), *known, row["knvb_id"], "", row["nikki_id"], saldo, row["status"], "Bekijk"]


def _report_line(row: JsonObject, number: int) -> str | None:
    """A line of the report: quotes that nobody escaped, a delimiter too many, a column too few, and lines that are not there."""
    if number % _NOT_IN_REPORT_EVERY == _NOT_IN_REPORT_EVERY - 1:
        return None
    space = "\u00a0" if row["total_cents"] >= _THOUSAND * _HUNDRED else " "
    amount = format_euros(row["total_cents"]).replace(" ", space)
    known = f'"{row["nikki_id"]}";"{row["knvb_id"]}";"{amount}"'
    if number % _SHORT_EVERY == 1:
        return known
    remark = ("tweede kind", 'korting "tweede kind"', "bij; later verrekend")[number % 3] if number % _REMARK_EVERY == 0 else ""
    return f'{known};"{remark}"'
