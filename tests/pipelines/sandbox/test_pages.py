"""The pages in a real browser: what it takes to use them, and what they ask for when."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

ENTITY = "/navajo/entity/common/clubweb"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=os.geteuid() != 0)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    context = chromium.new_context()
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def asked(sandbox):
    """Gives what a system was asked for since it was last asked, pages left out."""
    seen = 0

    def take(system="sportlink"):
        nonlocal seen
        new, seen = sandbox.requests[seen:], len(sandbox.requests)
        wanted = ("/navajo/", "/analytics/", "/leden/data")
        return sorted((one.method, one.path) for one in new if one.system == system and one.path.startswith(wanted))

    return take


class TestSportlink:
    @pytest.fixture
    def visit(self, page, browser, sandbox):
        """Opens a page as somebody who is logged in."""
        environment = sandbox.environment
        page.goto(environment["SPORTLINK_URL"])
        page.fill("#username", environment["SPORTLINK_USERNAME"])
        page.fill("#password", environment["SPORTLINK_PASSWORD"])
        page.click("#kc-login")
        page.fill("#otp", browser.code())
        page.click("#kc-login")
        page.wait_for_selector("#panelHeaderTasks")

        def visit(path):
            page.goto(environment["SPORTLINK_URL"] + path, wait_until="networkidle")
            return page

        return visit

    def test_union_teams_are_searched_for_only_behind_a_button_and_a_tick(self, visit, sandbox, asked):
        page = visit("/member/search")
        assert not page.is_visible("#scFetchUnionTeams_input")

        page.click("#btnShowMore")
        page.check("#scFetchUnionTeams_input")
        page.click("#btnSearch")
        page.get_by_text("40 leden gevonden").wait_for()

        search = f"{ENTITY}/member/search/SearchMembers"
        bodies = [one.body for one in sandbox.requests if one.path == search]
        assert (bodies, asked()) == ([{"FetchUnionTeams": True}], [("POST", "/analytics/collect"), ("POST", search)])

    @pytest.mark.parametrize(
        ("path", "names"),
        [
            ("/teams/union-teams", ["team/UnionTeams", "team/UnionTeamsPlayers"]),
            ("/teams/club-teams", ["team/ClubTeams", "team/ClubTeamsPlayers"]),
            ("/teams/team-details/T0001/members", ["team/UnionTeamNonPlayers", "team/UnionTeamPlayers"]),
        ],
    )
    def test_a_page_asks_for_what_it_shows_and_for_more(self, visit, asked, path, names):
        visit(path)

        assert asked() == [("GET", f"{ENTITY}/{name}") for name in names]

    def test_a_tab_of_a_member_asks_for_look_alikes_too(self, visit, asked, sandbox):
        visit(f"/member/member-details/{sandbox.club.members[0]['PublicPersonId']}/functions")

        names = ("MemberCommittees", "MemberFunctions", "UnionMemberFunctions")
        assert asked() == [("GET", f"{ENTITY}/member/function/{name}") for name in names]

    def test_the_cases_of_persons_are_asked_for_when_their_tab_is_clicked(self, visit, asked):
        page = visit("/competition-affairs/discipline-cases")
        cases = f"{ENTITY}/competition/DisciplineClubCases"
        assert asked() == [("GET", f"{cases}Team")]

        with page.expect_response(lambda response: response.url.endswith("CasesPlayer")):
            page.get_by_role("tab", name="Individuele tuchtzaken").click()
        page.wait_for_load_state("networkidle")

        assert asked() == [("GET", "/analytics/collect"), ("GET", f"{cases}Player")]

    def test_a_form_is_locked_until_somebody_wants_to_change_it(self, visit, sandbox):
        member = sandbox.club.members[0]
        page = visit(f"/member/member-details/{member['PublicPersonId']}/general")
        locked = (page.is_editable("#Mobile"), page.is_enabled("#btnSave"))

        page.click("#btnEdit")
        page.fill("#Mobile", "06-00123456")
        with page.expect_navigation():
            page.click("#btnSave")

        assert (locked, member["Mobile"], page.input_value("#Mobile")) == ((False, False), "06-00123456", "06-00123456")


class TestNikki:
    @pytest.fixture
    def log_in(self, page, nikki, sandbox):
        environment = sandbox.environment

        def log_in():
            page.goto(environment["NIKKI_URL"])
            for name, value in (
                ("username", "penningmeester"),
                ("password", environment["NIKKI_PASSWORD"]),
                ("otp", nikki.code()),
            ):
                page.fill(f'input[name="{name}"]', value)
            page.click('button[type="submit"]')
            page.wait_for_load_state("networkidle")
            return page

        return log_in

    def test_the_form_cannot_be_sent_while_the_script_of_the_site_is_there(self, log_in):
        assert log_in().is_visible('input[name="username"]')

    def test_the_table_is_whole_only_after_its_second_draw(self, page, log_in, sandbox):
        page.route("**/js/main.js", lambda route: route.abort())
        log_in()
        page.clock.install()
        page.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))
        page.goto(f"{sandbox.environment['NIKKI_URL']}/leden", wait_until="networkidle")
        rows = page.locator("#datatable tbody tr")
        first_draw = rows.count()

        page.clock.run_for(100)

        drawn = len(sandbox.club.contributions) + 2  # the sum, and somebody without a number
        assert (first_draw, rows.count()) == (drawn // 2, drawn)
        assert rows.first.locator("td").all_inner_texts()[3] == sandbox.club.contributions[0]["knvb_id"]

    def test_the_report_is_downloaded_by_its_link(self, page, log_in, sandbox):
        page.route("**/js/main.js", lambda route: route.abort())
        log_in()
        page.goto(f"{sandbox.environment['NIKKI_URL']}/leden")

        with page.expect_download() as download:
            page.get_by_role("link", name="Rapporten").click()

        text = Path(download.value.path()).read_text(encoding="utf-8")
        assert text.startswith('\ufeff"nikki_id";')
