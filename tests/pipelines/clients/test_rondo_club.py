from dataclasses import replace

import httpx
import pytest

from pipelines.clients.rondo_club import RondoClubClient
from pipelines.errors import RondoClubError, RondoClubNotFoundError
from pipelines.sandbox import Fault, FaultKind
from pipelines.settings import Settings

FENNA = {
    "first_name": "Fenna",
    "last_name": "Voorbeeld",
    "knvb-id": "QXZT41P",
    "contact_info": [{"contact_type": "email", "contact_label": "", "contact_value": "fenna@voorbeeld.example"}],
}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)


def body(**acf):
    return {"status": "publish", "acf": FENNA | acf}


@pytest.fixture
def rondo_club(settings):
    with RondoClubClient(settings.rondo_club, retry_wait_s=0) as client:
        yield client


@pytest.fixture
def person_id(rondo_club):
    return rondo_club.create_person(body())


@pytest.fixture
def at(settings):
    """A client of whoever serves at this URL."""
    clients = []

    def at_(url):
        clients.append(RondoClubClient(replace(settings.rondo_club, url=url), retry_wait_s=0))
        return clients[-1]

    yield at_
    for client in clients:
        client.__exit__()


def test_a_person_that_was_created_can_be_read_and_found(rondo_club):
    person_id = rondo_club.create_person(body())

    person = rondo_club.get_person(person_id)
    assert (person["id"], person["title"]["rendered"]) == (person_id, "Fenna Voorbeeld")
    assert person["acf"]["knvb-id"] == "QXZT41P"
    assert rondo_club.find_person_by_email("fenna@voorbeeld.example") == person_id


def test_an_unknown_address_belongs_to_nobody(rondo_club):
    assert rondo_club.find_person_by_email("nobody+1@voorbeeld.example") is None


def test_an_update_returns_the_person_as_stored(rondo_club, person_id):
    stored = rondo_club.update_person(person_id, body(first_name="Femke"))

    assert stored["acf"]["first_name"] == "Femke"
    assert stored == rondo_club.get_person(person_id)


def test_a_refusal_says_what_is_wrong_with_which_parameter(rondo_club, person_id):
    with pytest.raises(RondoClubError) as caught:
        rondo_club.update_person(person_id, {"acf": {"first_name": "Femke"}})

    assert not isinstance(caught.value, RondoClubNotFoundError)
    assert str(caught.value).startswith(f'rondo-club: update person {person_id}: 400, "rest_invalid_param: ')
    assert "last_name" in str(caught.value)


def test_a_refused_creation_names_the_item_that_the_caller_gave(rondo_club):
    with pytest.raises(RondoClubError, match=r"^rondo-club: create person QXZT41P: 400, "):
        rondo_club.create_person({"acf": {}}, subject="QXZT41P")


def test_whoever_is_gone_is_not_found(rondo_club, person_id):
    rondo_club.delete_person(person_id)

    with pytest.raises(RondoClubNotFoundError) as caught:
        rondo_club.get_person(person_id)
    with pytest.raises(RondoClubNotFoundError):
        rondo_club.update_person(person_id, body())

    assert str(caught.value) == (f'rondo-club: get person {person_id}: 404, "rest_post_invalid_id: Ongeldig bericht-ID."')


def test_deleting_whoever_is_gone_is_fine(rondo_club, person_id, sandbox):
    rondo_club.delete_person(person_id)
    rondo_club.delete_person(person_id)

    assert sandbox.rondo_club.persons() == []


@pytest.mark.parametrize(
    ("status", "answer", "is_gone"),
    [
        (404, {"code": "rest_post_invalid_id", "message": "No", "data": {"status": 404}}, True),
        (400, {"code": "odd", "data": {"status": 404}}, True),
        (403, {"code": "rest_post_invalid_id"}, True),
        (410, {"code": "rest_already_trashed", "data": {"status": 410}}, True),
        (404, {"code": "rest_no_route", "data": {"status": 404}}, False),
        (404, {}, False),
        (404, ["text"], False),
        (400, {"code": "rest_invalid_param", "data": None}, False),
    ],
)
def test_a_missing_route_or_page_does_not_make_everybody_look_gone(serve, at, status, answer, is_gone):
    script = serve(httpx.Response(status, json=answer))

    with pytest.raises(RondoClubError) as caught:
        at(script.url).get_person(7)

    assert isinstance(caught.value, RondoClubNotFoundError) == is_gone


def test_an_address_that_is_not_rondo_club_says_what_to_check(serve, at):
    script = serve(httpx.Response(404, content=b"<html>"))

    with pytest.raises(RondoClubError) as caught:
        at(script.url).get_person(7)

    assert str(caught.value) == (
        'rondo-club: get person 7: 404, "Not Found" (check RONDO_URL, and whether the plugin of Rondo Club is active)'
    )


def test_a_site_in_a_folder_keeps_its_folder(serve, at):
    script = serve(httpx.Response(200, json={"id": 7}))

    at(f"{script.url}/club/").get_person(7)

    assert script.received == ["GET /club/wp-json/wp/v2/people/7"]


@pytest.mark.parametrize("kind", [FaultKind.DROPPED, FaultKind.LOST, FaultKind.SERVER_ERROR])
def test_a_creation_that_may_have_happened_is_not_repeated(start, kind):
    sandbox = start(Fault(kind=kind, system="rondo-club", method="POST"))
    settings = Settings.from_env(sandbox.environment)

    with RondoClubClient(settings.rondo_club, retry_wait_s=0) as rondo_club, pytest.raises(RondoClubError) as caught:
        rondo_club.create_person(body(), subject="QXZT41P")

    assert caught.value.remedy == "it may have been done all the same: look before it is done again"
    assert len(sandbox.requests) == 1
    assert len(sandbox.rondo_club.persons()) == (1 if kind is FaultKind.LOST else 0)


def test_a_creation_that_was_turned_away_is_repeated(start):
    sandbox = start(Fault(kind=FaultKind.TOO_MANY_REQUESTS, system="rondo-club", method="POST", times=3))
    settings = Settings.from_env(sandbox.environment)

    with RondoClubClient(settings.rondo_club, retry_wait_s=0) as rondo_club:
        rondo_club.create_person(body())

    assert [request.status for request in sandbox.requests] == [429, 429, 429, 201]


@pytest.mark.parametrize("kind", [FaultKind.DROPPED, FaultKind.LOST, FaultKind.SERVER_ERROR])
def test_an_update_is_repeated_until_it_succeeds(start, kind):
    sandbox = start(Fault(kind=kind, system="rondo-club", method="PUT", times=3))
    settings = Settings.from_env(sandbox.environment)

    with RondoClubClient(settings.rondo_club, retry_wait_s=0) as rondo_club:
        person_id = rondo_club.create_person(body())
        rondo_club.update_person(person_id, body(first_name="Femke"))

    assert [request.method for request in sandbox.requests] == ["POST", "PUT", "PUT", "PUT", "PUT"]
    assert [person["acf"]["first_name"] for person in sandbox.rondo_club.persons()] == ["Femke"]


def test_an_activity_is_added_once(start):
    sandbox = start(Fault(kind=FaultKind.LOST, system="rondo-club", path="*/activities", times=1))
    settings = Settings.from_env(sandbox.environment)
    activity = {"content": "Blokkade", "activity_type": "financial_block_change", "activity_date": "2026-02-07"}

    with RondoClubClient(settings.rondo_club, retry_wait_s=0) as rondo_club:
        person_id = rondo_club.create_person(body())
        with pytest.raises(RondoClubError):
            rondo_club.add_activity(person_id, **activity)
        rondo_club.add_activity(person_id, **(activity | {"content": "Vrij"}))

    assert [{**shown, "id": None} for shown in sandbox.rondo_club.activities()] == [
        {"id": None, "person_id": person_id, **activity},
        {"id": None, "person_id": person_id, **(activity | {"content": "Vrij"})},
    ]


def test_a_photo_replaces_the_one_before_and_can_be_taken_away_twice(rondo_club, person_id, sandbox):
    rondo_club.upload_photo(person_id, content=PNG + b"1", filename="QXZT41P.png", content_type="image/png")
    rondo_club.upload_photo(person_id, content=PNG + b"2", filename="QXZT41P.png", content_type="image/png")
    stored = sandbox.rondo_club.photos()[person_id]
    rondo_club.delete_photo(person_id)
    rondo_club.delete_photo(person_id)

    assert (stored.content, stored.filename, stored.content_type) == (PNG + b"2", "QXZT41P.png", "image/png")
    assert sandbox.rondo_club.photos() == {}


def test_wrong_credentials_say_which_settings_to_check(settings):
    wrong = replace(settings.rondo_club, app_password="wrong")

    with RondoClubClient(wrong, retry_wait_s=0) as rondo_club, pytest.raises(RondoClubError) as caught:
        rondo_club.get_person(7)

    assert caught.value.remedy == "check RONDO_USERNAME and RONDO_APP_PASSWORD"
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize("answer", [{}, {"id": "7"}, {"id": None}])
def test_an_answer_without_an_id_is_an_error(serve, at, answer):
    script = serve(httpx.Response(201, json=answer))

    with pytest.raises(RondoClubError, match="shows no id"):
        at(script.url).create_person(body())


def person(number):
    return {"id": number, "modified_gmt": "2026-02-07T09:00:00", "acf": {}}


def test_all_pages_of_persons_are_read(serve, at):
    pages = [[person(number) for number in range(start, start + size)] for start, size in ((0, 100), (100, 100), (200, 3))]
    script = serve(*(httpx.Response(200, json=page) for page in pages))

    assert list(at(script.url).list_people("2026-02-07T08:00:00")) == [person(number) for number in range(203)]
    assert script.received == [
        "GET /wp-json/wp/v2/people?_fields=id%2Cmodified_gmt%2Cacf&modified_after=2026-02-07T08%3A00%3A00"
        f"&per_page=100&page={number}"
        for number in (1, 2, 3)
    ]


def test_a_page_past_the_end_is_the_end(serve, at):
    past_the_end = httpx.Response(400, json={"code": "rest_post_invalid_page_number", "data": {"status": 400}})
    script = serve(httpx.Response(200, json=[person(number) for number in range(100)]), past_the_end)

    assert len(list(at(script.url).list_people())) == 100


@pytest.mark.parametrize("answer", [{}, [1], None])
def test_a_page_that_is_no_list_of_persons_is_an_error(serve, at, answer):
    script = serve(httpx.Response(200, json=answer))

    with pytest.raises(RondoClubError, match="not a list of objects"):
        list(at(script.url).list_people())


def test_the_persons_of_the_sandbox_are_listed(rondo_club, person_id):
    [listed] = rondo_club.list_people()

    assert (listed["id"], listed["acf"]["knvb-id"]) == (person_id, "QXZT41P")


def test_volunteers_without_a_certificate_are_listed_by_all_pages(serve, at):
    pages = [{"people": [{"acf": {"knvb-id": knvb_id}} for knvb_id in page], "total_pages": 2} for page in (["A", ""], ["B"])]
    script = serve(*(httpx.Response(200, json=page) for page in pages))

    assert list(at(script.url).list_volunteers_without_vog()) == ["A", "B"]
    query = "huidig_vrijwilliger=1&vog_missing=1&vog_older_than_years=3&per_page=100"
    assert script.received == [f"GET /wp-json/rondo/v1/people/filtered?{query}&page={page}" for page in (1, 2)]


def test_no_volunteers_are_no_pages(serve, at):
    script = serve(httpx.Response(200, json={"people": [], "total_pages": 0}))

    assert list(at(script.url).list_volunteers_without_vog()) == []


POSTS = [
    ("team", "teams", {"title": "JO14-2", "status": "publish", "acf": {"publicteamid": "T0017", "gender": "male"}}),
    ("commissie", "commissies", {"title": "Jeugdcommissie", "status": "publish"}),
    ("case", "discipline-cases", {"title": "Fenna - Match - Date", "status": "publish", "acf": {"dossier_id": "T-00042"}}),
]


@pytest.mark.parametrize(("name", "type_name", "post"), POSTS)
def test_a_post_is_created_changed_and_deleted(rondo_club, sandbox, name, type_name, post):
    create, update, delete = (getattr(rondo_club, f"{verb}_{name}") for verb in ("create", "update", "delete"))

    post_id = create(post)
    update(post_id, {**post, "title": "Renamed"})
    [stored] = sandbox.rondo_club.posts.all(type_name)
    delete(post_id)
    delete(post_id)

    assert (stored["id"], stored["title"]["rendered"]) == (post_id, "Renamed")
    assert sandbox.rondo_club.posts.all(type_name) == []


@pytest.mark.parametrize(("name", "type_name", "post"), POSTS)
def test_a_post_that_is_gone_is_not_found(rondo_club, name, type_name, post):
    with pytest.raises(RondoClubNotFoundError) as caught:
        getattr(rondo_club, f"update_{name}")(7, post, subject="JO14-2")

    assert str(caught.value).startswith(f"rondo-club: update {name} JO14-2: 404, ")


@pytest.mark.parametrize(("name", "type_name", "post"), POSTS[:2])
def test_all_posts_of_a_type_are_listed(rondo_club, name, type_name, post):
    ids = [getattr(rondo_club, f"create_{name}")({**post, "title": f"Number {number}"}) for number in range(102)]

    assert sorted(stored["id"] for stored in getattr(rondo_club, f"list_{name}s")()) == ids


@pytest.mark.parametrize("kind", [FaultKind.DROPPED, FaultKind.LOST, FaultKind.SERVER_ERROR])
@pytest.mark.parametrize(("name", "type_name", "post"), POSTS)
def test_no_post_is_created_twice(start, kind, name, type_name, post):
    sandbox = start(Fault(kind=kind, system="rondo-club", method="POST"))
    settings = Settings.from_env(sandbox.environment).rondo_club

    with RondoClubClient(settings, retry_wait_s=0) as rondo_club, pytest.raises(RondoClubError):
        getattr(rondo_club, f"create_{name}")(post)

    assert len(sandbox.requests) == 1


def test_a_season_is_created_once_and_then_known(rondo_club, sandbox, settings):
    first, again = rondo_club.season_term("2025-2026"), rondo_club.season_term("2025-2026")
    with RondoClubClient(settings.rondo_club, retry_wait_s=0) as other:
        found = other.season_term("2025-2026")

    assert first == again == found
    assert [term["slug"] for term in sandbox.rondo_club.posts.terms()] == ["2025-2026"]
    assert [request.method for request in sandbox.requests] == ["GET", "POST", "GET"]


def test_something_to_do_is_noted_at_the_person(rondo_club, sandbox, person_id):
    rondo_club.create_todo(person_id, content="Look at case T-00042", due_date="2026-02-10")

    [todo] = sandbox.rondo_club.todos()
    assert (todo["person_id"], todo["content"], todo["due_date"]) == (person_id, "Look at case T-00042", "2026-02-10")
