"""Nikki: the contributions of members, from the table and the report that its site shows a user."""

import csv
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pyotp

from pipelines.clients.codes import codes_of_address, codes_of_text
from pipelines.clients.http import Call, Http, Refusal
from pipelines.clients.session import SiteClient
from pipelines.clients.site import Ask, Form, SessionEndedError
from pipelines.errors import NikkiError, NikkiLoginError
from pipelines.result import Clock, utc_now
from pipelines.settings import NikkiSettings

if TYPE_CHECKING:
    from pipelines.clients.chromium import Chromium

logger = logging.getLogger(__name__)

_MEMBERS = "/leden"
_TABLE = "#datatable, table"
_SOURCE = Ask(path="/leden/data", timeout_s=15.0, is_required=True)
_REPORT = "Rapporten"
_REPORT_TIMEOUT_S = 30.0
_ID_HEADERS = ("nikki_id", "nikkiid", "nikki")
_AMOUNT_HEADERS = ("hoofdsom", "total", "totaal")
_CELLS = 8

# They wait for things that a browser without a user never does, and keep the login form from being sent.
_INTERFERING = tuple(map(re.compile, (r"jquery.*1\.11\.0", r"bootstrap.*3\.3\.7", r"/js/main\.js")))

_LOG_IN = Call(operation="log in", repeatable=False)
_USERNAME = 'input[name="username"]'
_LOGIN_FORM = Form(css=f"form:has({_USERNAME})", button='button[type="submit"]')
_LOGIN_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NikkiRow:
    """A contribution of a member in a year, of which there may be several; `saldo_text` as Nikki writes it."""

    year: int
    knvb_id: str
    nikki_id: str
    saldo_text: str
    status: str


class _SessionEndedError(NikkiLoginError, SessionEndedError):
    """Nikki asks for a login where only a user may look."""


class NikkiClient(SiteClient):
    """Works in one session, which begins when it is first needed and is renewed when it has expired."""

    def __init__(
        self,
        settings: NikkiSettings,
        *,
        retry_wait_s: float = 1.0,
        browser: "Chromium | None" = None,
        clock: Clock = utc_now,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        http = Http(NikkiError, _explain, retry_wait_s=retry_wait_s, base_url=settings.url, transport=transport)
        super().__init__(http, settings.url, browser, blocked=_INTERFERING)
        self._settings = settings
        self._clock = clock

    def download_contributions(self) -> list[NikkiRow]:
        """Return the rows of the table that name a year, a member and a contribution."""
        return list(_read_rows(self._as_user(self._read_table)))

    def download_amounts(self) -> dict[str, str] | None:
        """Return what each contribution amounts to, as the report writes it, by Nikki id; None when there is no report."""
        report = self._as_user(self._read_report)
        return None if report is None else _read_report(report.decode("utf-8-sig", "replace"))

    def _read_table(self) -> list[list[str]]:
        call = Call(operation="download contributions")
        self._site.open(call, _MEMBERS)
        return self._site.rows(call, _TABLE, _SOURCE)

    def _read_report(self) -> bytes | None:
        call = Call(operation="download report")
        self._site.open(call, _MEMBERS)
        try:
            return self._site.download(call, _REPORT, timeout_s=_REPORT_TIMEOUT_S)
        except NikkiError as error:
            if isinstance(error, SessionEndedError):
                raise
            logger.warning("%s (the amounts are left out)", error.log_text)
            return None

    def _walk_login(self) -> None:
        self._site.open(_LOG_IN, "/", follow=True)
        if not self._site.find(_USERNAME, timeout_s=_LOGIN_TIMEOUT_S):
            raise NikkiLoginError(_LOG_IN.operation, reason="no login form", remedy="check NIKKI_URL")
        values = {"username": self._settings.username, "password": self._settings.password}
        if self._site.find('input[name="otp"]'):
            values["otp"] = _codes(self._settings.otp_secret).at(self._clock())
        self._site.submit(_LOG_IN, _LOGIN_FORM, values)
        if self._site.find(_USERNAME):
            remedy = "check NIKKI_USERNAME, NIKKI_PASSWORD, NIKKI_OTP_SECRET and the clock"
            raise NikkiLoginError(_LOG_IN.operation, reason="login form still visible", remedy=remedy)


def _codes(secret: str) -> pyotp.TOTP:
    """What makes the codes: an address says how, a plain text is the key itself."""
    try:
        return codes_of_address(secret) if secret.startswith("otpauth:") else codes_of_text(secret)
    except ValueError as error:
        raise NikkiLoginError(_LOG_IN.operation, reason=f"no code: {error}", remedy="check NIKKI_OTP_SECRET") from error


def _read_rows(rows: Iterable[list[str]]) -> Iterable[NikkiRow]:
    for row in rows:
        cells = [cell.strip() for cell in row]
        if len(cells) < _CELLS:
            continue
        year, knvb_id, nikki_id, saldo, status = (cells[index] for index in (0, 3, 5, 6, 7))
        if year.isdecimal() and int(year) > 0 and knvb_id and nikki_id:
            yield NikkiRow(year=int(year), knvb_id=knvb_id, nikki_id=nikki_id, saldo_text=saldo, status=status)


def _read_report(text: str) -> dict[str, str]:
    """The amounts by Nikki id. Nikki escapes no quotes: they mean nothing but at the ends of a value, where they are dropped."""
    rows = csv.reader(text.splitlines(), delimiter=";", quoting=csv.QUOTE_NONE)
    header = [_unquoted(name).lower() for name in next(rows, [])]
    found = [next((header.index(name) for name in names if name in header), None) for names in (_ID_HEADERS, _AMOUNT_HEADERS)]
    if None in found:
        raise NikkiError("download report", reason=f"no column {_ID_HEADERS[0]} or {_AMOUNT_HEADERS[0]}")
    id_at, amount_at = (index for index in found if index is not None)
    lines = ([_unquoted(value) for value in row] for row in rows if len(row) > max(id_at, amount_at))
    return {line[id_at]: line[amount_at] for line in lines if line[id_at]}


def _unquoted(value: str) -> str:
    return value.strip().removeprefix('"').removesuffix('"').strip()


def _explain(response: httpx.Response) -> Refusal:
    if response.is_redirect:
        return Refusal(reason="redirected to the login page", error=_SessionEndedError)
    return Refusal()
