"""What the Nikki of the sandbox shows, and to whom."""

import pytest

from pipelines.sandbox.nikki import format_euros

BILL = {
    "nikki_id": "N-1",
    "knvb_id": "QXZT41P",
    "year": 2026,
    "total_cents": 125_000,
    "saldo_cents": -1_250,
    "status": "Betaald",
}
FENNA = {"PublicPersonId": "QXZT41P", "FullName": "Fenna Voorbeeld", "DateOfBirth": "2012-03-09"}


class TestLogin:
    def test_name_password_and_code_lead_to_the_first_page(self, nikki):
        page = nikki.log_in()

        assert (page.status_code, page.url.path, nikki.text(page, "nav a")) == (200, "/", "Leden")

    @pytest.mark.parametrize("wrong", [{"username": "x"}, {"password": "x"}, {"otp": "000000"}, {"_token": "x"}])
    def test_whatever_is_wrong_gives_the_form_again(self, nikki, wrong):
        page = nikki.log_in(**wrong)

        assert nikki.text(page, "form") is not None
        assert nikki.text(page, ".alert") is not None

    def test_the_form_can_be_sent_again_after_a_mistake(self, nikki, sandbox):
        page = nikki.log_in(password="guess")

        again = nikki.submit(page, username="penningmeester", password=sandbox.environment["NIKKI_PASSWORD"], otp=nikki.code())

        assert nikki.text(again, "nav a") == "Leden"

    @pytest.mark.parametrize("path", ["/leden", "/leden/data", "/leden/rapport"])
    def test_without_a_session_every_page_leads_to_the_form(self, nikki, path):
        page = nikki.get(path)

        assert (page.url.path, nikki.text(page, "form") is not None) == ("/", True)

    def test_a_session_ends_after_half_an_hour_without_use(self, nikki, clock):
        nikki.log_in()
        clock.now += 30 * 60

        assert nikki.get("/leden").url.path == "/"

    def test_the_script_of_the_site_keeps_the_form_from_being_sent(self, nikki):
        assert "onsubmit" in nikki.get("/js/main.js").text
        assert nikki.get("/js/jquery-1.11.0.min.js").text == ""


class TestTable:
    def test_the_page_has_no_rows_but_says_where_they_are(self, nikki):
        nikki.log_in()

        page = nikki.get("/leden")

        assert 'data-ajax="/leden/data"' in page.text
        assert nikki.text(page, "#datatable tbody tr") == "Laden..."

    def test_there_is_a_row_for_each_bill_and_two_that_are_none(self, nikki, sandbox):
        sandbox.club.members[:] = [FENNA]
        sandbox.club.contributions[:] = [BILL, {**BILL, "nikki_id": "N-2", "saldo_cents": 0}]
        nikki.log_in()

        rows = nikki.get("/leden/data").json()["data"]

        assert rows == [
            ["2026", "Fenna Voorbeeld", "2012-03-09", "QXZT41P", "", "N-1", "-€ 12,50", "Betaald", "Bekijk"],
            ["2026", "Fenna Voorbeeld", "2012-03-09", "QXZT41P", "", "N-2", "", "Betaald", "Bekijk"],
            ["2026", "Oud-lid zonder nummer", "", "", "", "N-1", "€ 10,00", "Openstaand", "Bekijk"],
            ["", "Totaal", "-€ 12,50"],
        ]

    def test_a_member_has_several_rows_in_a_year(self, sandbox):
        keys = [(bill["knvb_id"], bill["year"]) for bill in sandbox.club.contributions]

        assert len(set(keys)) < len(keys)
        assert {year for _, year in keys} == {2021, 2023, 2024, 2025, 2026}


class TestReport:
    @pytest.fixture
    def report(self, nikki):
        nikki.log_in()
        return nikki.get("/leden/rapport")

    def test_the_report_is_a_file_to_download(self, nikki, report):
        page = nikki.get("/leden")

        assert '<a href="/leden/rapport">Rapporten</a>' in page.text
        assert report.headers["content-disposition"] == 'attachment; filename="rapport-leden.csv"'

    def test_the_report_begins_with_a_byte_order_mark_and_a_header(self, report):
        text = report.content.decode()

        assert text.startswith('\ufeff"nikki_id";"lid_nr";"hoofdsom";"opmerking"\r\n')

    def test_the_report_is_as_untidy_as_the_real_one(self, report, sandbox):
        lines = report.text.splitlines()[1:]

        assert any('"korting "tweede kind""' in line for line in lines)
        assert {line.count(";") for line in lines} == {2, 3, 4}
        assert len(lines) < len(sandbox.club.contributions)
        assert any("€\u00a01.250,00" in line for line in lines)


@pytest.mark.parametrize(("cents", "text"), [(0, "€ 0,00"), (5, "€ 0,05"), (-1_250, "-€ 12,50"), (123_456_789, "€ 1.234.567,89")])
def test_amounts_are_written_as_the_dutch_write_them(cents, text):
    assert format_euros(cents) == text


def test_what_is_not_there_is_not_found(nikki):
    nikki.log_in()

    assert nikki.get("/elders").status_code == 404
