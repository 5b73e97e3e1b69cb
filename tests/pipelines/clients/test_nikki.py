import re
from dataclasses import replace

import httpx
import pytest

from pipelines.clients.nikki import NikkiClient, NikkiRow
from pipelines.errors import NikkiError, NikkiLoginError

LOGIN = '<form action="/login"><input name="username"><input name="password"><button type="submit"></button></form>'
HOME = "<p>home</p>"
REPORT = '<a href="/report">Rapporten</a>'
ROW = ["2026", "Fenna", "", "QXZT41P", "", "N-88001", "€ 12,50", "Openstaand"]


@pytest.fixture
def nikki(settings, browser):
    """A client, by plain HTTP and by a browser."""
    with NikkiClient(settings.nikki, retry_wait_s=0, browser=browser) as client:
        yield client


@pytest.fixture
def at(settings):
    """A client, by plain HTTP, of whoever serves at this URL."""
    clients = []

    def at_(url):
        clients.append(NikkiClient(replace(settings.nikki, url=url), retry_wait_s=0))
        return clients[-1]

    yield at_
    for client in clients:
        client.__exit__()


def html(text, status=200):
    return httpx.Response(status, content=text.encode())


def test_all_contributions_of_the_table_are_downloaded(nikki, sandbox):
    rows = nikki.download_contributions()

    known = [(row["year"], row["knvb_id"], row["nikki_id"], row["status"]) for row in sandbox.club.contributions]
    assert [(row.year, row.knvb_id, row.nikki_id, row.status) for row in rows] == known
    assert all(row.saldo_text.startswith(("€ ", "-€ ")) for row in rows if row.saldo_text)


def test_the_amounts_of_the_report_are_downloaded_by_nikki_id(nikki, sandbox):
    amounts = nikki.download_amounts()

    ids = {row["nikki_id"] for row in sandbox.club.contributions}
    assert amounts.keys() < ids  # some are never in it
    assert len(amounts) > len(ids) * 0.9
    assert all(amount.startswith("€") for amount in amounts.values())


def test_a_session_that_ended_is_renewed(nikki, sandbox):
    before = nikki.download_contributions()
    sandbox.nikki.logins.end_sessions()

    assert nikki.download_contributions() == before


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"otp_secret": "wrong"}])
def test_a_login_that_failed_says_what_to_check_and_is_not_tried_again(settings, sandbox, browser, wrong):
    with NikkiClient(replace(settings.nikki, **wrong), retry_wait_s=0, browser=browser) as nikki:
        for _ in range(2):
            with pytest.raises(NikkiLoginError) as caught:
                nikki.download_contributions()

    remedy = "check NIKKI_USERNAME, NIKKI_PASSWORD, NIKKI_OTP_SECRET and the clock"
    assert str(caught.value) == f"nikki: log in: login form still visible ({remedy})"
    assert [request.path for request in sandbox.requests if request.method == "POST"] == ["/login"]


def test_an_address_says_how_the_code_is_made(settings, serve):
    form = LOGIN.replace("<button", '<input name="otp"><button')
    script = serve(html(form), html(HOME), html("<table></table>"), httpx.Response(200, json={"data": [ROW]}))
    address = "otpauth://totp/Nikki:penningmeester?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=8"

    with NikkiClient(replace(settings.nikki, url=script.url, otp_secret=address), retry_wait_s=0) as nikki:
        nikki.download_contributions()

    assert re.fullmatch(r"username=.*&password=.*&otp=\d{8}", script.bodies[1])


def test_an_address_that_makes_no_codes_says_which_setting_to_check(settings, serve):
    script = serve(html(LOGIN.replace("<button", '<input name="otp"><button')))
    wrong = replace(settings.nikki, url=script.url, otp_secret="otpauth://totp/N?secret=JBSWY3DP&digits=99")

    with NikkiClient(wrong, retry_wait_s=0) as nikki, pytest.raises(NikkiLoginError, match=r"\(check NIKKI_OTP_SECRET\)$"):
        nikki.download_contributions()


def test_a_form_that_asks_for_no_code_gets_none(serve, at):
    script = serve(html(LOGIN), html(HOME), html("<table></table>"), httpx.Response(200, json={"data": [ROW]}))

    at(script.url).download_contributions()

    assert script.bodies[1].startswith("username=penningmeester&password=")
    assert "otp" not in script.bodies[1]


def test_a_site_without_a_login_form_says_which_setting_to_check(serve, at):
    script = serve(html("shop"))

    with pytest.raises(NikkiLoginError) as caught:
        at(script.url).download_contributions()

    assert str(caught.value) == "nikki: log in: no login form (check NIKKI_URL)"


@pytest.mark.parametrize(
    "row",
    [
        ROW[:7],
        ["", *ROW[1:]],
        ["year", *ROW[1:]],
        ["0", *ROW[1:]],
        ["-2026", *ROW[1:]],
        [*ROW[:3], " ", *ROW[4:]],
        [*ROW[:5], "", *ROW[6:]],
    ],
)
def test_a_row_that_names_no_year_member_or_contribution_is_left_out(serve, at, row):
    script = serve(html(LOGIN), html(HOME), html("<table></table>"), httpx.Response(200, json={"data": [row, ROW]}))

    assert at(script.url).download_contributions() == [
        NikkiRow(year=2026, knvb_id="QXZT41P", nikki_id="N-88001", saldo_text="€ 12,50", status="Openstaand")
    ]


def test_several_rows_of_a_member_and_year_are_all_kept(serve, at):
    rows = [ROW, [*ROW[:5], "N-88002", *ROW[6:]], ROW]
    script = serve(html(LOGIN), html(HOME), html("<table></table>"), httpx.Response(200, json={"data": rows}))

    assert [row.nikki_id for row in at(script.url).download_contributions()] == ["N-88001", "N-88002", "N-88001"]


@pytest.mark.parametrize(
    ("report", "amounts"),
    [
        ('"nikki_id";"hoofdsom"\n"N-1";"€ 1.250,00"\n', {"N-1": "€ 1.250,00"}),
        ('\ufeff"nikki_id";"lid";"hoofdsom"\r\n"N-1";"QXZT41P";"€ 1,00"\r\n', {"N-1": "€ 1,00"}),
        ("NikkiId;Totaal\nN-1;1.250\n", {"N-1": "1.250"}),
        ('nikki;total\nN-1;1\n"N-2;2\n', {"N-1": "1", "N-2": "2"}),
        ('"remark";"nikkiId";"Hoofdsom"\n"second "child"";"N-1";"€ 5"\n', {"N-1": "€ 5"}),
        ('"nikki_id";"hoofdsom"\n"N-1"\n"N-2";"€ 2";"too";"many"\n"";"€ 3"\n\n', {"N-2": "€ 2"}),
        ('"nikki_id";"hoofdsom"\n', {}),
    ],
)
def test_a_report_is_read_whatever_its_quotes_and_columns(serve, at, report, amounts):
    script = serve(html(LOGIN), html(HOME), html(REPORT), html(report))

    assert at(script.url).download_amounts() == amounts


@pytest.mark.parametrize("report", ["", "<html>", '"nikki_id";"saldo"\n', '"lid";"hoofdsom"\n'])
def test_a_report_without_its_columns_is_an_error(serve, at, report):
    script = serve(html(LOGIN), html(HOME), html(REPORT), html(report))

    with pytest.raises(NikkiError, match="no column nikki_id or hoofdsom"):
        at(script.url).download_amounts()


def test_no_report_is_no_error(serve, at):
    script = serve(html(LOGIN), html(HOME), html("<p>no link</p>"))

    assert at(script.url).download_amounts() is None


def test_a_report_that_does_not_come_is_left_out_with_a_warning(serve, at, caplog):
    script = serve(html(LOGIN), html(HOME), html(REPORT), html("", 403))

    assert at(script.url).download_amounts() is None
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "nikki: download report: 403 (the amounts are left out)"
    ]
