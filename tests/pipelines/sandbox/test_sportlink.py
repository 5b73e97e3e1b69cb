"""What the Sportlink of the sandbox insists on."""

import httpx
import pytest

ENTITY = "/navajo/entity/common/clubweb/member"
HALF_AN_HOUR_S = 30 * 60
FOUR_HOURS_S = 4 * 60 * 60
NEXT_CODE_S = 30


def with_photo(sandbox):
    return next(m for m in sandbox.club.members if m.get("PersonImageDate") and m["PublicPersonId"])


def header_of(browser, knvb_id):
    return browser.get(f"{ENTITY}/MemberHeader", params={"PublicPersonId": knvb_id})


class TestLogin:
    def test_password_and_code_lead_to_the_dashboard(self, browser):
        page = browser.log_in()

        assert (page.status_code, page.url.path, browser.text(page, "#panelHeaderTasks")) == (200, "/", "Taken")

    def test_without_a_session_every_page_leads_to_the_login(self, browser):
        asked = [browser.get("/"), browser.get("/member/search"), browser.post(f"{ENTITY}/search/SearchMembers", json={})]

        assert [page.url.path for page in asked] == ["/auth/realms/sportlink/login"] * 3

    def test_the_login_leads_back_to_the_page_that_was_asked_for(self, browser, sandbox):
        fields = {name: sandbox.environment[f"SPORTLINK_{name.upper()}"] for name in ("username", "password")}

        page = browser.submit(browser.submit(browser.get("/member/search"), **fields), otp=browser.code())

        assert page.url.path == "/member/search"

    def test_a_wrong_password_gives_the_form_again_with_an_error(self, browser, sandbox):
        username = sandbox.environment["SPORTLINK_USERNAME"]

        page = browser.submit(browser.get("/"), username=username, password="guess")

        assert browser.text(page, "#input-error") == "Ongeldige gebruikersnaam of wachtwoord."
        assert browser.text(page, "#username") is not None

    def test_a_wrong_code_gives_the_form_again_with_an_error(self, browser):
        page = browser.submit(browser.give_password(), otp="000000")

        assert browser.text(page, "#input-error") == "Ongeldige eenmalige code."
        assert browser.text(page, "#otp") is not None

    def test_a_code_is_good_once(self, browser, sandbox):
        browser.log_in()
        sandbox.sportlink.logins.end_sessions()

        page = browser.log_in()

        assert browser.text(page, "#input-error") == "Ongeldige eenmalige code."

    def test_the_next_code_is_good_again(self, browser, sandbox, clock):
        browser.log_in()
        sandbox.sportlink.logins.end_sessions()
        clock.now += NEXT_CODE_S

        assert browser.text(browser.log_in(), "#panelHeaderTasks") == "Taken"

    def test_a_code_is_no_good_once_a_later_one_was_used(self, browser, sandbox, clock):
        earlier = browser.code()
        clock.now += NEXT_CODE_S
        browser.log_in()
        sandbox.sportlink.logins.end_sessions()

        page = browser.submit(browser.give_password(), otp=earlier)

        assert browser.text(page, "#input-error") == "Ongeldige eenmalige code."

    @pytest.mark.parametrize(("late_s", "is_taken"), [(30, True), (90, False)])
    def test_a_code_may_be_one_step_late(self, browser, clock, late_s, is_taken):
        code, page = browser.code(), browser.give_password()
        clock.now += late_s

        page = browser.submit(page, otp=code)

        assert (browser.text(page, "#panelHeaderTasks") is not None) is is_taken

    def test_what_the_form_hides_must_be_sent_back(self, browser):
        browser.get("/")

        answer = browser.post("/auth/realms/sportlink/login-actions/authenticate", data={"username": "a", "password": "b"})

        assert answer.status_code == 400

    def test_the_form_of_another_browser_is_refused(self, browser):
        page = browser.get("/")
        browser.cookies.clear()

        assert browser.submit(page, username="a", password="b").status_code == 400

    def test_a_login_that_takes_too_long_is_refused(self, browser, clock):
        page = browser.get("/")
        clock.now += 5 * 60

        assert browser.submit(page, username="a", password="b").status_code == 400

    def test_a_code_without_a_password_is_not_looked_at(self, browser):
        page = browser.submit(browser.get("/"), otp=browser.code())

        assert browser.text(page, "#input-error") == "Ongeldige gebruikersnaam of wachtwoord."

    def test_the_login_leads_nobody_to_another_site(self, browser, sandbox):
        fields = {name: sandbox.environment[f"SPORTLINK_{name.upper()}"] for name in ("username", "password")}
        page = browser.get("/auth/realms/sportlink/login", params={"redirect_uri": "//elsewhere.example/"})

        page = browser.submit(browser.submit(page, **fields), otp=browser.code())

        assert (page.url.host, page.url.path) == ("127.0.0.1", "/")

    def test_a_session_ends_after_half_an_hour_without_use(self, browser, clock):
        browser.log_in()
        clock.now += HALF_AN_HOUR_S - 1
        kept = browser.get("/")
        clock.now += HALF_AN_HOUR_S

        assert kept.url.path == "/"
        assert "/auth/realms/" in browser.get("/").url.path


class TestSearch:
    def test_a_search_gives_every_member(self, browser, sandbox):
        browser.log_in()
        browser.get("/member/search")

        answer = browser.post(f"{ENTITY}/search/SearchMembers", json={"FetchUnionTeams": True})

        assert answer.json() == {"Members": sandbox.club.members}

    def test_union_teams_come_only_when_they_are_asked_for(self, browser):
        browser.log_in()
        browser.get("/member/search")

        answer = browser.post(f"{ENTITY}/search/SearchMembers", json={})

        assert {member["UnionTeams"] for member in answer.json()["Members"]} == {""}

    def test_a_search_without_its_page_is_refused(self, browser):
        browser.log_in()

        assert browser.post(f"{ENTITY}/search/SearchMembers", json={}).status_code == 403

    @pytest.mark.parametrize("body", ["{", "[]", ""])
    def test_a_search_takes_a_json_object(self, browser, body):
        browser.log_in()
        browser.get("/member/search")

        answer = browser.post(f"{ENTITY}/search/SearchMembers", content=body, headers={"Content-Type": "application/json"})

        assert answer.status_code == 400


class TestPhoto:
    def test_the_header_names_where_the_photo_is(self, browser, sandbox):
        member = with_photo(sandbox)
        browser.log_in()

        photo = header_of(browser, member["PublicPersonId"]).json()["Photo"]
        answer = httpx.get(photo["Url"], trust_env=False)

        assert photo["PhotoDate"] == member["PersonImageDate"]
        expected = sandbox.club.find_photo(member["PublicPersonId"])
        assert (answer.status_code, answer.headers["content-type"], answer.content) == (
            200,
            expected.content_type,
            expected.content,
        )

    def test_a_member_without_a_photo_has_a_header_all_the_same(self, browser, sandbox):
        member = next(m for m in sandbox.club.members if not m.get("PersonImageDate") and m["PublicPersonId"])
        browser.log_in()

        header = header_of(browser, member["PublicPersonId"]).json()

        assert header == {
            "PublicPersonId": member["PublicPersonId"],
            "HasFinancialTransferBlockOwnClub": False,
            "Photo": None,
        }

    @pytest.mark.parametrize("knvb_id", ["NOBODY1", ""])
    def test_nobody_has_no_header(self, browser, knvb_id):
        browser.log_in()

        assert header_of(browser, knvb_id).status_code == 404

    def test_the_address_of_a_photo_expires(self, browser, sandbox, clock):
        browser.log_in()
        url = header_of(browser, with_photo(sandbox)["PublicPersonId"]).json()["Photo"]["Url"]
        clock.now += FOUR_HOURS_S

        assert httpx.get(url, trust_env=False).status_code == 401

    def test_the_address_of_a_photo_cannot_be_made_up(self, browser, sandbox):
        browser.log_in()
        url = httpx.URL(header_of(browser, with_photo(sandbox)["PublicPersonId"]).json()["Photo"]["Url"])
        forged = [
            url.copy_remove_param("signature"),
            url.copy_remove_param("expires"),
            url.copy_set_param("expires", "9999999999"),
            url.copy_set_param("signature", "é"),
            url.copy_with(path="/photos/OTHER12"),
        ]

        assert [httpx.get(other, trust_env=False).status_code for other in forged] == [401] * 5

    def test_a_photo_that_was_taken_away_is_not_found(self, browser, sandbox):
        member = with_photo(sandbox)
        browser.log_in()
        url = header_of(browser, member["PublicPersonId"]).json()["Photo"]["Url"]
        member["PersonImageDate"] = None

        assert httpx.get(url, trust_env=False).status_code == 404


class TestMemberPage:
    @pytest.fixture
    def member(self, sandbox):
        member = with_photo(sandbox)
        member.update(Email="oud@thuis.example", EmailAlternative=None, Mobile="06-00111111", Telephone='"<0999>"')
        return member

    @pytest.fixture
    def page(self, browser, member):
        browser.log_in()
        return browser.get(f"/member/member-details/{member['PublicPersonId']}/general")

    def test_the_form_holds_what_is_known(self, browser, page):
        form = browser.read_form(page)

        assert {name: form[name] for name in ("Email", "Email2", "Mobile", "Phone")} == {
            "Email": "oud@thuis.example",
            "Email2": "",
            "Mobile": "06-00111111",
            "Phone": '"<0999>"',
        }

    def test_saving_changes_the_member_and_leads_back(self, browser, page, member):
        saved = browser.submit(page, Email="nieuw@thuis.example", Phone="0999-000001")

        assert (saved.status_code, saved.url.path, browser.read_form(saved)["Email"]) == (
            200,
            page.url.path,
            "nieuw@thuis.example",
        )
        assert {field: member[field] for field in ("Email", "EmailAlternative", "Mobile", "Telephone", "LastUpdate")} == {
            "Email": "nieuw@thuis.example",
            "EmailAlternative": "",
            "Mobile": "06-00111111",
            "Telephone": "0999-000001",
            "LastUpdate": "2026-02-07",
        }

    @pytest.mark.parametrize("field", ["Email", "Email2"])
    def test_an_address_that_is_none_is_not_saved(self, browser, page, member, field):
        refused = browser.submit(page, **{field: "nieuw@thuis"})

        assert (refused.status_code, browser.read_form(refused)[field]) == (422, "nieuw@thuis")
        assert "ongeldig e-mailadres" in browser.text(refused, "#error")
        assert (member["Email"], member["EmailAlternative"]) == ("oud@thuis.example", None)

    def test_a_form_without_its_token_is_refused(self, browser, page, member):
        refused = browser.submit(page, _csrf="guess", Email="nieuw@thuis.example")

        assert (refused.status_code, member["Email"]) == (403, "oud@thuis.example")

    def test_a_form_of_an_earlier_session_is_refused(self, browser, page, member, sandbox, clock):
        sandbox.sportlink.logins.end_sessions()
        clock.now += NEXT_CODE_S
        browser.log_in()

        refused = browser.submit(page, Email="nieuw@thuis.example")

        assert (refused.status_code, member["Email"]) == (403, "oud@thuis.example")

    def test_nobody_has_no_page(self, browser):
        browser.log_in()

        assert browser.get("/member/member-details/NOBODY1/general").status_code == 404


def test_what_is_not_there_is_not_found(browser):
    browser.log_in()

    assert browser.get("/elsewhere").status_code == 404
