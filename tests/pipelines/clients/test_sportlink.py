from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pyotp
import pytest

from pipelines.clients.sportlink import Photo, SportlinkClient
from pipelines.errors import LoginError, SportlinkError
from pipelines.sandbox import Fault, FaultKind, running
from pipelines.settings import Settings

LOGIN = (
    '<form action="/auth/realms/x/do"><input type="hidden" name="token" value="t"><input id="password" name="password"></form>'
)
CODE = '<form action="/auth/realms/x/do"><input type="hidden" name="token" value="u"><input id="otp" name="otp"></form>'
DASHBOARD = '<div id="panelHeaderTasks"></div>'


@pytest.fixture
def plain(settings):
    """A client that needs no browser."""
    with SportlinkClient(settings.sportlink, retry_wait_s=0) as client:
        yield client


@pytest.fixture
def sportlink(settings, browser):
    """A client, by plain HTTP and by a browser."""
    with SportlinkClient(settings.sportlink, retry_wait_s=0, browser=browser) as client:
        yield client


@pytest.fixture
def at(settings):
    """A client of whoever serves at this URL."""
    clients = []

    def at_(url):
        clients.append(SportlinkClient(replace(settings.sportlink, url=url), retry_wait_s=0))
        return clients[-1]

    yield at_
    for client in clients:
        client.__exit__()


def html(text, status=200):
    return httpx.Response(status, content=text.encode())


def member_with_photo(club):
    return next(member["PublicPersonId"] for member in club.members if club.find_photo(member["PublicPersonId"]))


def member_without_photo(club):
    return next(member["PublicPersonId"] for member in club.members if not club.find_photo(member["PublicPersonId"]))


def codes(sandbox):
    """How many one-time codes were given."""
    return sum("otp" in request.body for request in sandbox.requests if isinstance(request.body, dict))


def paths(sandbox):
    return [f"{request.method} {request.path}" for request in sandbox.requests]


LOGIN_WALK = [
    "GET /",
    "GET /auth/realms/sportlink/login",
    "POST /auth/realms/sportlink/login-actions/authenticate",
    "POST /auth/realms/sportlink/login-actions/authenticate",
    "GET /",
]
SEARCH = ["GET /member/search", "POST /navajo/entity/common/clubweb/member/search/SearchMembers"]


def test_the_members_are_downloaded_with_their_teams(sportlink, sandbox):
    members = sportlink.download_members()

    assert members == sandbox.club.members
    assert any(member["UnionTeams"] for member in members)


def test_a_session_begins_with_the_first_thing_that_is_asked_and_lasts(plain, sandbox):
    assert paths(sandbox) == []

    plain.download_members()
    plain.download_members()

    assert paths(sandbox) == [*LOGIN_WALK, *SEARCH, *SEARCH]


def test_a_session_that_ended_is_renewed_and_the_work_done_from_its_beginning(sportlink, sandbox):
    sportlink.download_members()
    sandbox.sportlink.logins.end_sessions()
    sandbox.sportlink.logins.forget_codes()

    members = sportlink.download_members()

    assert members == sandbox.club.members
    assert codes(sandbox) == 2


def test_a_session_that_ends_in_the_middle_of_a_form_loses_nothing(sportlink, sandbox):
    knvb_id = member_with_photo(sandbox.club)
    sportlink.download_photo(knvb_id)
    sandbox.sportlink.logins.end_sessions()

    sportlink.update_contact(knvb_id, {"Mobile": "06-00000009"})

    assert sandbox.club.find_member(knvb_id)["Mobile"] == "06-00000009"


def test_a_code_that_was_used_already_is_followed_by_the_next_one(settings, sandbox, browser):
    for _ in range(2):
        with SportlinkClient(settings.sportlink, retry_wait_s=0, browser=browser) as sportlink:
            sportlink.download_members()

    used = [request.body["otp"] for request in sandbox.requests if isinstance(request.body, dict) and "otp" in request.body]
    assert used[0] != used[-1]


def test_a_third_login_in_the_time_of_one_code_waits_for_the_next_once(tmp_path, browser, caplog):
    caplog.set_level("INFO")
    began_at = datetime(2026, 2, 8, 8, 0, 7, tzinfo=UTC)
    pauses = []

    def clock():
        return began_at + timedelta(seconds=sum(pauses))

    with running(tmp_path / "sandbox", members=1, clock=lambda: clock().timestamp()) as sandbox:
        settings = Settings.from_env(sandbox.environment).sportlink
        for _ in range(3):
            with SportlinkClient(settings, retry_wait_s=0, browser=browser, clock=clock, sleep=pauses.append) as sportlink:
                sportlink.download_members()

    assert pauses == [24]
    assert "sportlink: two one-time codes were refused: waiting 24 s for the next one" in caplog.messages


def test_a_login_that_failed_is_not_tried_again_for_each_item(settings, sandbox, browser):
    wrong = replace(settings.sportlink, password="wrong")

    with SportlinkClient(wrong, retry_wait_s=0, browser=browser) as sportlink:
        errors = []
        for _ in range(3):
            with pytest.raises(LoginError) as caught:
                sportlink.download_photo("QXZT41P")
            errors.append(str(caught.value))

    assert (
        errors
        == ["sportlink: log in: Ongeldige gebruikersnaam of wachtwoord. (check SPORTLINK_USERNAME and SPORTLINK_PASSWORD)"] * 3
    )
    assert paths(sandbox) == LOGIN_WALK[:3]


def test_a_wrong_secret_for_codes_says_so(settings, sandbox, browser):
    wrong = replace(settings.sportlink, otp_secret=pyotp.random_base32())

    waits = []
    client = SportlinkClient(wrong, retry_wait_s=0, browser=browser, sleep=waits.append)
    with client as sportlink, pytest.raises(LoginError) as caught:
        sportlink.download_members()

    assert len(waits) == 1
    assert codes(sandbox) == 3
    remedy = "check SPORTLINK_OTP_SECRET and the clock, or wait a minute: a code is good once"
    assert str(caught.value) == f"sportlink: log in: Ongeldige eenmalige code. ({remedy})"


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ([html("<p>shop</p>")], "sportlink: log in: no login form (check SPORTLINK_URL)"),
        (
            [html(LOGIN), html("<p>?</p>")],
            "sportlink: log in: no question for the one-time code (check SPORTLINK_USERNAME and SPORTLINK_PASSWORD)",
        ),
        (
            [html(LOGIN), html(CODE), html("<p>maintenance</p>")],
            "sportlink: log in: no dashboard after the login (log in by hand and look)",
        ),
        ([html(LOGIN), html('<span id="input-error">Verlopen.</span>', 400)], 'sportlink: log in: 400, "Verlopen."'),
    ],
)
def test_a_login_that_leads_elsewhere_says_where_it_stopped(serve, at, answers, text):
    script = serve(*answers)

    with pytest.raises(LoginError) as caught:
        at(script.url).download_members()

    assert str(caught.value) == text


def test_a_session_that_is_never_there_ends_after_one_more_login(serve, at):
    login = [html(LOGIN), html(CODE), html(DASHBOARD)]
    ended = httpx.Response(302, headers={"Location": "/auth/realms/x/login"})
    script = serve(*login, ended, *login, ended)

    with pytest.raises(LoginError, match="the session has ended"):
        at(script.url).download_members()

    assert len(script.received) == 8


@pytest.mark.parametrize("answer", [{}, {"Members": None}, {"Members": ["text"]}])
def test_an_answer_without_a_list_of_members_is_an_error(serve, at, answer):
    script = serve(html(LOGIN), html(CODE), html(DASHBOARD), html("<p>search</p>"), httpx.Response(200, json=answer))

    with pytest.raises(SportlinkError, match="shows no list of Members"):
        at(script.url).download_members()


def test_a_photo_comes_with_its_extension_and_date(sportlink, sandbox):
    knvb_id = member_with_photo(sandbox.club)

    photo = sportlink.download_photo(knvb_id)

    stored = sandbox.club.find_photo(knvb_id)
    extension = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif"}[stored.content_type]
    photo_date = sandbox.club.find_member(knvb_id)["PersonImageDate"]
    assert photo == Photo(content=stored.content, extension=extension, photo_date=photo_date)


def test_a_member_without_a_photo_has_none(sportlink, sandbox):
    assert sportlink.download_photo(member_without_photo(sandbox.club)) is None


def test_a_photo_that_is_gone_when_it_is_fetched_is_none(serve, at):
    header = {"Photo": {"Url": "/photos/1?signature=secret", "PhotoDate": "2024-09-02"}}
    script = serve(html(LOGIN), html(CODE), html(DASHBOARD), html(""), httpx.Response(200, json=header), html("", 404))

    assert at(script.url).download_photo("QXZT41P") is None


def test_a_header_that_does_not_come_does_not_say_that_there_is_no_photo(serve, at):
    script = serve(html(LOGIN), html(CODE), html(DASHBOARD), html(""), html("", 404))

    with pytest.raises(SportlinkError) as caught:
        at(script.url).download_photo("QXZT41P")

    assert str(caught.value) == "sportlink: find photo QXZT41P: the page shows no header"


def test_an_address_of_a_photo_that_is_refused_stays_out_of_the_error(serve, at):
    header = {"Photo": {"Url": "/photos/1?signature=secret", "PhotoDate": "2024-09-02"}}
    script = serve(html(LOGIN), html(CODE), html(DASHBOARD), html(""), httpx.Response(200, json=header), html("", 401))

    with pytest.raises(SportlinkError) as caught:
        at(script.url).download_photo("QXZT41P")

    assert str(caught.value) == 'sportlink: download photo QXZT41P: 401, "Unauthorized"'


def test_a_photo_that_is_cut_short_is_an_error(start):
    sandbox = start(Fault(kind=FaultKind.REFUSED, system="sportlink", path="/photos/*", times=None))
    knvb_id = member_with_photo(sandbox.club)

    settings = Settings.from_env(sandbox.environment).sportlink
    with SportlinkClient(settings, retry_wait_s=0) as sportlink, pytest.raises(SportlinkError) as caught:
        sportlink.download_photo(knvb_id)

    assert str(caught.value) == f"sportlink: download photo {knvb_id}: 3 bytes are no photo"


def test_an_unknown_member_is_an_error(sportlink):
    with pytest.raises(SportlinkError) as caught:
        sportlink.download_photo("NOBODY1")

    assert (caught.value.operation, caught.value.subject, caught.value.status) == ("find photo", "NOBODY1", 404)


@pytest.mark.parametrize("kind", [FaultKind.SERVER_ERROR, FaultKind.DROPPED, FaultKind.LOST, FaultKind.TOO_MANY_REQUESTS])
@pytest.mark.parametrize("path", ["*/MemberHeader", "/photos/*"])
def test_a_photo_is_asked_for_until_it_comes(start, kind, path):
    sandbox = start(Fault(kind=kind, system="sportlink", path=path, times=3))
    knvb_id = member_with_photo(sandbox.club)

    with SportlinkClient(Settings.from_env(sandbox.environment).sportlink, retry_wait_s=0) as sportlink:
        photo = sportlink.download_photo(knvb_id)

    assert photo.content == sandbox.club.find_photo(knvb_id).content
    assert len(sandbox.requests) == len(LOGIN_WALK) + 3 + 3  # page, header, photo; three failures


def test_contact_details_are_stored(sportlink, sandbox):
    knvb_id = member_with_photo(sandbox.club)

    sportlink.update_contact(knvb_id, {"Email": " fenna@voorbeeld.example ", "Mobile": "06-00000001", "Phone": ""})

    member = sandbox.club.find_member(knvb_id)
    assert [member[name] for name in ("Email", "Mobile", "Telephone")] == ["fenna@voorbeeld.example", "06-00000001", ""]


def test_a_value_that_sportlink_refuses_says_why_and_what_to_do(sportlink, sandbox):
    knvb_id = member_with_photo(sandbox.club)

    with pytest.raises(SportlinkError) as caught:
        sportlink.update_contact(knvb_id, {"Email": "no address"})

    assert str(caught.value) == (
        f'sportlink: update contact {knvb_id}: 422, "E-mail: ongeldig e-mailadres" (correct the value in Rondo Club)'
    )


def test_a_value_that_sportlink_did_not_keep_is_an_error(serve, at):
    page = html('<form action="/save"><input name="Email" value="old@x.example"><button type="submit"></button></form>')
    script = serve(html(LOGIN), html(CODE), html(DASHBOARD), page)

    with pytest.raises(SportlinkError) as caught:
        at(script.url).update_contact("QXZT41P", {"Email": "new@x.example", "Mobile": "06"})

    assert str(caught.value) == "sportlink: update contact QXZT41P: Sportlink did not store Email, Mobile"


def test_a_page_without_a_form_is_an_error(serve, at):
    script = serve(html(LOGIN), html(CODE), html(DASHBOARD), html("<p>new design</p>"))

    with pytest.raises(SportlinkError, match="the page has no form"):
        at(script.url).update_contact("QXZT41P", {"Email": "new@x.example"})


def test_an_item_id_cannot_lead_to_another_page(plain, sandbox):
    with pytest.raises(SportlinkError):
        plain.update_contact("../../member", {"Email": "new@x.example"})

    assert paths(sandbox)[-1] == "GET /member/member-details/../../member/general"


# ------------------------------------------------------------------------------------------------ teams, functions, cases


def test_union_and_club_teams_are_downloaded_and_told_apart(sportlink, sandbox):
    teams = sportlink.download_teams()

    kinds = {True: "union", False: "club"}
    in_order = sorted(sandbox.club.teams, key=lambda team: not team.is_union)
    assert teams == [{**team.row, "kind": kinds[team.is_union]} for team in in_order]


@pytest.mark.parametrize("kind", ["union", "club"])
def test_the_members_of_a_team_come_with_their_roles_players_first(sportlink, sandbox, kind):
    team = next(team for team in sandbox.club.teams if team.team_id and team.players)
    team.is_union = kind == "union"

    members = sportlink.download_team_members({**team.row, "kind": kind})

    players = [(person["PublicPersonId"], person.get("RoleFunctionDescription")) for person in team.players]
    staff = [(person["PublicPersonId"], person.get("FunctionDescription")) for person in team.staff]
    assert members == [{"PublicPersonId": knvb_id, "role": role or ""} for knvb_id, role in [*players, *staff]]


def test_the_tabs_of_a_member_show_what_the_club_knows(sportlink, sandbox):
    knvb_id = next(knvb_id for knvb_id in sandbox.club.functions if knvb_id in sandbox.club.committees)

    functions, committees = sportlink.download_functions(knvb_id)
    free_fields, header = sportlink.download_other(knvb_id)
    address, information = sportlink.download_invoice(knvb_id)

    as_list = lambda rows: rows if isinstance(rows, list) else [rows]  # noqa: E731  Sportlink gives one row without a list
    assert functions == as_list(sandbox.club.functions[knvb_id])  # and none of what UnionMemberFunctions says
    assert committees == as_list(sandbox.club.committees[knvb_id])
    assert free_fields.keys() >= {"Remarks3", "Remarks8"}
    assert header["PublicPersonId"] == knvb_id
    assert address.keys() >= {"StreetName", "ZipCode", "City", "IsDefault"}
    assert information.keys() >= {"LastName", "EmailAddress", "ExternalInvoiceCode"}


def test_discipline_cases_are_downloaded(sportlink, sandbox):
    sandbox.club.cases.append({"DossierId": "T-00042", "PublicPersonId": None})

    assert sportlink.download_discipline_cases() == sandbox.club.cases


def test_cases_without_anything_around_them_are_cases_too(serve, at):
    script = serve(html(LOGIN), html(CODE), html(DASHBOARD), html(""), httpx.Response(200, json=[{"DossierId": "T-1"}]))

    assert at(script.url).download_discipline_cases() == [{"DossierId": "T-1"}]


@pytest.mark.parametrize("key", ["Cases", "Results", "Items", "Data"])
def test_the_list_of_cases_goes_by_several_names(serve, at, key):
    script = serve(html(LOGIN), html(CODE), html(DASHBOARD), html(""), httpx.Response(200, json={key: [{"DossierId": "T-1"}]}))

    assert at(script.url).download_discipline_cases() == [{"DossierId": "T-1"}]


@pytest.mark.parametrize("answer", [{}, {"Other": []}, {"Cases": {}}, "text", None])
def test_an_answer_without_a_list_of_cases_is_an_error(serve, at, answer):
    script = serve(html(LOGIN), html(CODE), html(DASHBOARD), html(""), httpx.Response(200, json=answer))

    with pytest.raises(SportlinkError, match="the answer shows no list of"):
        at(script.url).download_discipline_cases()


@pytest.mark.parametrize(
    ("answer", "rows"),
    [
        ({"Function": [{"a": 1}, {"a": 2}]}, [{"a": 1}, {"a": 2}]),
        ({"Function": {"a": 1}}, [{"a": 1}]),
        ({"Function": None}, []),
        ({}, []),
        (None, None),
        ("text", None),
    ],
)
def test_odd_shapes_of_a_members_answers_are_evened_out(serve, at, answer, rows):
    functions, nothing = httpx.Response(200, json=answer), httpx.Response(404)
    script = serve(html(LOGIN), html(CODE), html(DASHBOARD), html(""), functions, nothing)

    assert at(script.url).download_functions("QXZT41P") == (rows, None)


@pytest.mark.parametrize(
    ("answer", "first"),
    [({"Address": {"City": "A"}}, {"City": "A"}), ({"Address": [{"City": "A"}, {"City": "B"}]}, {"City": "A"}), ({}, None)],
)
def test_of_several_addresses_for_invoices_the_first_counts(serve, at, answer, first):
    script = serve(html(LOGIN), html(CODE), html(DASHBOARD), html(""), httpx.Response(200, json=answer), httpx.Response(404))

    assert at(script.url).download_invoice("QXZT41P") == (first, None)


def test_what_is_not_told_of_a_member_is_none(serve, at):
    script = serve(html(LOGIN), html(CODE), html(DASHBOARD), html(""), httpx.Response(404))

    assert at(script.url).download_other("QXZT41P") == (None, None)


def test_between_members_there_is_a_pause_and_between_the_tabs_of_one_there_is_none(settings, sandbox, monkeypatch):
    pauses = []
    monkeypatch.setattr("pipelines.clients.http.time.sleep", pauses.append)
    one, two = [member["PublicPersonId"] for member in sandbox.club.members if member.get("PublicPersonId")][:2]

    with SportlinkClient(replace(settings.sportlink, delay_s=1000), retry_wait_s=0) as sportlink:
        for knvb_id in (one, two):
            sportlink.download_functions(knvb_id)
            sportlink.download_other(knvb_id)
            sportlink.download_invoice(knvb_id)

    assert len(pauses) == 1


@pytest.mark.browser
def test_what_the_page_showed_when_a_value_was_refused_is_kept(settings, sandbox, chromium):
    before = set(chromium.debug_dir.glob("*"))
    knvb_id = member_with_photo(sandbox.club)

    with SportlinkClient(settings.sportlink, retry_wait_s=0, browser=chromium) as sportlink, pytest.raises(SportlinkError):
        sportlink.update_contact(knvb_id, {"Email": "no address"})

    [page] = (path for path in set(chromium.debug_dir.glob("*.html")) - before if "update-contact" in path.name)
    assert "ongeldig e-mailadres" in page.read_text()
    assert knvb_id not in page.name
