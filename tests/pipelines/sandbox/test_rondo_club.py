"""What the Rondo Club of the sandbox insists on."""

import httpx
import pytest

from pipelines.sandbox.images import make_jpeg, make_png

PEOPLE = "/wp/v2/people"
STINT = {"team": 500_001, "job_title": "Trainer", "is_current": True, "start_date": "2026-02-07", "end_date": ""}
NAMES = {"first_name": "Fenna", "last_name": "Voorbeeld"}
FENNA = {
    **NAMES,
    "infix": "van der",
    "knvb-id": "QXZT41P",
    "contact_info": [{"contact_type": "email", "contact_label": "", "contact_value": "Gezin@thuis.example"}],
}


@pytest.fixture
def create(rondo):
    """Create a published person and give it back."""

    def create(**fields):
        answer = rondo.post(PEOPLE, json={"status": "publish", "acf": {**NAMES, **fields}})
        assert answer.status_code == 201
        return answer.json()

    return create


@pytest.fixture
def put(rondo, create):
    """Change a fresh person; gives the answer and the person as it is afterwards."""

    def put(acf, **fields):
        person_id = create(**fields)["id"]
        answer = rondo.put(f"{PEOPLE}/{person_id}", json={"acf": acf})
        return answer, rondo.get(f"{PEOPLE}/{person_id}").json()["acf"]

    return put


def error(answer):
    body = answer.json()
    assert body["data"]["status"] == answer.status_code
    return answer.status_code, body["code"]


ACTIVITY = {"content": "Financiele blokkade ingesteld", "activity_type": "financial_block_change", "activity_date": "2026-02-07"}


class TestCaller:
    @pytest.mark.parametrize(
        ("auth", "code"),
        [
            (None, "rest_not_logged_in"),
            (("somebody", "x"), "invalid_username"),
            (("sportlink-sync", "guess"), "incorrect_password"),
        ],
    )
    def test_nothing_is_answered_without_the_application_password(self, rondo, auth, code):
        answer = httpx.get(f"{str(rondo.base_url).rstrip('/')}{PEOPLE}", auth=auth, trust_env=False)

        assert error(answer) == (401, code)

    def test_the_spaces_of_an_application_password_do_not_count(self, rondo, sandbox):
        password = sandbox.environment["RONDO_APP_PASSWORD"]
        spaced = " ".join(password[at : at + 4] for at in range(0, len(password), 4))

        assert rondo.get(PEOPLE, auth=("Sportlink-Sync", spaced)).status_code == 200

    @pytest.mark.parametrize(("method", "path"), [("GET", "/wp/v2/elsewhere"), ("DELETE", PEOPLE), ("GET", f"{PEOPLE}/abc")])
    def test_a_route_that_does_not_exist_is_said_to_be_none(self, rondo, method, path):
        assert error(rondo.request(method, path)) == (404, "rest_no_route")


class TestCreate:
    def test_a_person_is_created_whole(self, rondo, sandbox):
        answer = rondo.post(PEOPLE, json={"status": "publish", "acf": FENNA})

        assert (answer.status_code, answer.json()) == (
            201,
            {
                "id": 2001,
                "date_gmt": "2026-02-07T12:00:00",
                "modified_gmt": "2026-02-07T12:00:00",
                "status": "publish",
                "type": "person",
                "title": {"rendered": "Fenna van der Voorbeeld"},
                "acf": {
                    "first_name": "Fenna",
                    "infix": "van der",
                    "last_name": "Voorbeeld",
                    "nickname": "",
                    "knvb-id": "QXZT41P",
                    "gender": "",
                    "birth_year": None,
                    "birthdate": "",
                    "contact_info": FENNA["contact_info"],
                    "addresses": [],
                    "work_history": [],
                    "relationships": [],
                    "lid-sinds": "",
                    "leeftijdsgroep": "",
                    "type-lid": "",
                    "datum-foto": "",
                    "datum-vog": "",
                    "datum-overlijden": "",
                    "lid-tot": "",
                    "former_member": False,
                    "freescout-id": None,
                    "financiele-blokkade": False,
                    "factuur-adres": "",
                    "factuur-email": "",
                    "factuur-referentie": "",
                    "huidig-vrijwilliger": "0",
                },
            },
        )
        assert sandbox.rondo_club.persons() == [answer.json()]

    def test_an_id_is_never_given_twice(self, rondo, create):
        first = create()["id"]
        rondo.delete(f"{PEOPLE}/{first}", params={"force": "true"})

        assert create()["id"] == first + 1

    def test_a_person_is_a_draft_when_nothing_else_is_said(self, rondo):
        answer = rondo.post(PEOPLE, json={"acf": NAMES})

        assert answer.json()["status"] == "draft"
        assert rondo.get(PEOPLE).json() == []

    def test_a_parent_may_have_an_empty_last_name(self, rondo):
        answer = rondo.post(PEOPLE, json={"acf": {"first_name": "S. Voorbeeld", "last_name": ""}})

        assert (answer.status_code, answer.json()["title"]) == (201, {"rendered": "S. Voorbeeld"})

    def test_volunteers_are_known_by_their_knvb_id(self, create, sandbox):
        sandbox.club.volunteers.add("QXZT41P")

        flags = [create(**{"knvb-id": knvb_id})["acf"]["huidig-vrijwilliger"] for knvb_id in ("QXZT41P", "ABCD12X")]

        assert flags == ["1", "0"]

    def test_the_volunteer_flag_is_not_written(self, create):
        assert create(**{"huidig-vrijwilliger": "1"})["acf"]["huidig-vrijwilliger"] == "0"

    @pytest.mark.parametrize(
        ("body", "code", "params"),
        [
            ({"status": "publish"}, "rest_missing_callback_param", ["acf"]),
            ({"acf": []}, "rest_invalid_param", {"acf": "acf is niet van het type object."}),
            (
                {"acf": {}},
                "rest_invalid_param",
                {"acf": "first_name is een verplichte eigenschap van acf. last_name is een verplichte eigenschap van acf."},
            ),
            (
                {"first_name": "Fenna", "last_name": "Voorbeeld", "acf": {"last_name": "Voorbeeld"}},
                "rest_invalid_param",
                {"acf": "first_name is een verplichte eigenschap van acf."},
            ),
            (
                {"acf": NAMES, "status": "gone"},
                "rest_invalid_param",
                {"status": "status is niet een van publish, future, draft, pending en private."},
            ),
        ],
    )
    def test_a_body_that_is_not_right_is_refused_by_parameter(self, rondo, sandbox, body, code, params):
        answer = rondo.post(PEOPLE, json=body)

        assert (error(answer), answer.json()["data"]["params"]) == ((400, code), params)
        assert sandbox.rondo_club.persons() == []

    def test_a_body_that_is_no_json_is_refused(self, rondo):
        answer = rondo.post(PEOPLE, content="{", headers={"Content-Type": "application/json"})

        assert error(answer) == (400, "rest_invalid_json")


class TestChange:
    @pytest.mark.parametrize("missing", ["first_name", "last_name"])
    def test_every_change_needs_both_names(self, put, missing):
        acf = {name: value for name, value in NAMES.items() if name != missing}

        answer, _ = put({**acf, "infix": "de"})

        assert error(answer) == (400, "rest_invalid_param")
        assert answer.json()["data"]["params"] == {"acf": f"{missing} is een verplichte eigenschap van acf."}

    def test_fields_that_are_not_named_stay(self, put):
        answer, acf = put({**NAMES, "infix": ""}, infix="de", gender="female", birth_year=2012)

        assert answer.status_code == 200
        assert (acf["infix"], acf["gender"], acf["birth_year"]) == ("", "female", 2012)

    def test_a_repeater_is_replaced_whole(self, put):
        row = {"contact_type": "mobile", "contact_label": "", "contact_value": "06-00000001"}

        _, acf = put({**NAMES, "contact_info": [row]}, contact_info=FENNA["contact_info"])

        assert acf["contact_info"] == [row]

    @pytest.mark.parametrize("nothing", [[], None, False])
    def test_a_repeater_can_be_emptied(self, put, nothing):
        _, acf = put({**NAMES, "contact_info": nothing}, contact_info=FENNA["contact_info"])

        assert acf["contact_info"] == []

    def test_names_that_are_not_known_are_left_out(self, put):
        answer, acf = put({**NAMES, "birth-year": 2012, "schoenmaat": "38"})

        assert (answer.status_code, acf["birth_year"], "schoenmaat" in acf) == (200, None, False)

    @pytest.mark.parametrize(
        ("field", "value", "problem"),
        [
            ("birth_year", "", "acf[birth_year] is niet van het type number,null."),
            ("birth_year", "19xx", "acf[birth_year] is niet van het type number,null."),
            ("birth_year", True, "acf[birth_year] is niet van het type number,null."),
            ("freescout-id", "", "acf[freescout-id] is niet van het type number,null."),
            ("infix", 5, "acf[infix] is niet van het type string,null."),
            ("gender", "Male", "acf[gender] is niet een van male en female."),
            ("financiele-blokkade", "ja", "acf[financiele-blokkade] is niet van het type boolean,null."),
            ("contact_info", "x", "acf[contact_info] is niet van het type array,null."),
            ("contact_info", ["x"], "acf[contact_info] is niet van het type array,null."),
            (
                "contact_info",
                [{"contact_value": 5}],
                "acf[contact_info][0][contact_value] is niet van het type string,null.",
            ),
            (
                "relationships",
                [{"related_person": 1, "relationship_type": 2}],
                "acf[relationships][0][relationship_type] is niet van het type array.",
            ),
            (
                "relationships",
                [{"related_person": "1", "relationship_type": [2]}],
                "acf[relationships][0][related_person] is niet van het type integer.",
            ),
        ],
    )
    def test_a_value_of_the_wrong_type_is_refused_by_its_place(self, put, field, value, problem):
        answer, _ = put({**NAMES, field: value})

        assert answer.json() == {
            "code": "rest_invalid_param",
            "message": "Ongeldige parameter(s): acf",
            "data": {"status": 400, "params": {"acf": problem}},
        }

    @pytest.mark.parametrize(("value", "kept"), [("2012", 2012), (1999, 1999), ("12.5", 12.5), (None, None)])
    def test_a_number_may_come_as_text(self, put, value, kept):
        _, acf = put({**NAMES, "birth_year": value}, birth_year=1990)

        assert acf["birth_year"] == kept

    def test_a_relationship_type_is_written_as_a_list_and_read_as_a_number(self, put):
        row = {"related_person": 2001, "relationship_type": [2], "relationship_label": ""}

        answer, acf = put({**NAMES, "relationships": [row]})

        assert acf["relationships"] == answer.json()["acf"]["relationships"] == [{**row, "relationship_type": 2}]

    def test_a_relationship_type_that_does_not_exist_is_taken_and_lost(self, put):
        answer, acf = put({**NAMES, "relationships": [{"related_person": 2001, "relationship_type": [8]}]})

        assert answer.status_code == 200
        assert acf["relationships"] == [{"related_person": 2001, "relationship_type": None, "relationship_label": ""}]

    def test_a_change_tells_when_it_happened(self, rondo, create, clock):
        person_id = create()["id"]
        clock.now += 90

        answer = rondo.put(f"{PEOPLE}/{person_id}", json={"acf": NAMES})

        assert (answer.json()["date_gmt"], answer.json()["modified_gmt"]) == ("2026-02-07T12:00:00", "2026-02-07T12:01:30")

    def test_a_financial_block_reads_back_as_a_boolean(self, put):
        _, acf = put({**NAMES, "financiele-blokkade": True})

        assert acf["financiele-blokkade"] is True


class TestGone:
    def test_a_person_in_the_trash_is_gone(self, rondo, create, sandbox):
        person_id = create(**FENNA)["id"]

        answer = rondo.delete(f"{PEOPLE}/{person_id}")

        assert (answer.status_code, answer.json()["status"]) == (200, "trash")
        assert sandbox.rondo_club.persons() == []
        assert rondo.get(PEOPLE).json() == []
        assert rondo.get("/rondo/v1/people/find-by-email", params={"email": "gezin@thuis.example"}).json() == {"id": None}

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/wp/v2/people/{}"),
            ("PUT", "/wp/v2/people/{}"),
            ("DELETE", "/wp/v2/people/{}"),
            ("POST", "/rondo/v1/people/{}/activities"),
            ("POST", "/rondo/v1/people/{}/photo"),
            ("DELETE", "/rondo/v1/people/{}/photo"),
        ],
    )
    @pytest.mark.parametrize("was_there", [True, False])
    def test_whatever_is_asked_of_somebody_gone_is_not_found(self, rondo, create, method, path, was_there):
        person_id = create()["id"] if was_there else 99
        rondo.delete(f"{PEOPLE}/{person_id}")

        answer = rondo.request(method, path.format(person_id), json={"acf": NAMES})

        assert (answer.status_code, answer.json()) == (
            404,
            {"code": "rest_post_invalid_id", "message": "Ongeldig bericht-ID.", "data": {"status": 404}},
        )

    def test_a_person_can_be_deleted_for_good(self, rondo, create):
        person = create()

        answer = rondo.delete(f"{PEOPLE}/{person['id']}", params={"force": "true"})

        assert answer.json() == {"deleted": True, "previous": person}


class TestList:
    def test_pages_come_newest_first_and_tell_how_many_there_are(self, rondo, create):
        ids = [create()["id"] for _ in range(5)]

        pages = [rondo.get(PEOPLE, params={"per_page": 2, "page": page}) for page in (1, 2, 3)]

        assert [[person["id"] for person in page.json()] for page in pages] == [ids[:2:-1], ids[2:0:-1], ids[:1]]
        assert {(page.headers["X-WP-Total"], page.headers["X-WP-TotalPages"]) for page in pages} == {("5", "3")}

    def test_a_page_past_the_end_is_refused(self, rondo, create):
        create()

        assert error(rondo.get(PEOPLE, params={"page": 2})) == (400, "rest_post_invalid_page_number")

    def test_the_first_page_of_nothing_is_empty(self, rondo):
        assert rondo.get(PEOPLE).json() == []

    @pytest.mark.parametrize(
        "query", [{"per_page": 101}, {"per_page": 0}, {"page": 0}, {"page": "x"}, {"modified_after": "soon"}]
    )
    def test_a_query_that_is_not_right_is_refused(self, rondo, query):
        answer = rondo.get(PEOPLE, params=query)

        assert error(answer) == (400, "rest_invalid_param")
        assert list(answer.json()["data"]["params"]) == list(query)

    @pytest.mark.parametrize("since", ["2026-02-07T12:00:00", "2026-02-07T12:00:00Z", "2026-02-07T13:00:00+01:00"])
    def test_those_modified_since_are_found(self, rondo, create, clock, since):
        create()
        clock.now += 1
        later = create()["id"]

        found = rondo.get(PEOPLE, params={"modified_after": since}).json()

        assert [person["id"] for person in found] == [later]

    def test_only_the_fields_asked_for_are_given(self, rondo, create):
        person = create(**FENNA)

        one = rondo.get(f"{PEOPLE}/{person['id']}", params={"_fields": "acf"})
        many = rondo.get(PEOPLE, params={"_fields": "id, acf.first_name,acf.knvb-id,nothing"})

        assert one.json() == {"acf": person["acf"]}
        assert many.json() == [{"id": person["id"], "acf": {"first_name": "Fenna", "knvb-id": "QXZT41P"}}]


class TestFindByEmail:
    def test_case_and_spaces_do_not_count(self, rondo, create):
        person_id = create(**FENNA)["id"]

        answer = rondo.get("/rondo/v1/people/find-by-email", params={"email": " gezin@THUIS.example"})

        assert answer.json() == {"id": person_id}

    def test_the_oldest_person_is_found(self, rondo, create):
        first, _ = create(**FENNA)["id"], create(**FENNA)["id"]

        assert rondo.get("/rondo/v1/people/find-by-email", params={"email": "gezin@thuis.example"}).json() == {"id": first}

    def test_an_address_that_was_changed_is_not_found(self, rondo, create):
        person_id = create(**FENNA)["id"]
        rondo.put(f"{PEOPLE}/{person_id}", json={"acf": {**NAMES, "contact_info": []}})

        answer = rondo.get("/rondo/v1/people/find-by-email", params={"email": "gezin@thuis.example"})

        assert answer.json() == {"id": None}

    def test_a_telephone_number_is_no_address(self, rondo, create):
        create(contact_info=[{"contact_type": "mobile", "contact_label": "", "contact_value": "06-00000001"}])

        assert rondo.get("/rondo/v1/people/find-by-email", params={"email": "06-00000001"}).json() == {"id": None}

    def test_an_address_must_be_given(self, rondo):
        assert error(rondo.get("/rondo/v1/people/find-by-email")) == (400, "rest_missing_callback_param")


class TestFiltered:
    @pytest.fixture
    def people(self, create, sandbox):
        sandbox.club.volunteers = {"LACKS01", "OLD0001", "NEW0001"}
        dates = {"LACKS01": "", "OLD0001": "2023-02-06", "NEW0001": "2023-02-07", "OTHER01": ""}
        for knvb_id, day in dates.items():
            create(**{"knvb-id": knvb_id, "datum-vog": day})

    @pytest.mark.usefixtures("people")
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({}, ["LACKS01", "OLD0001", "NEW0001", "OTHER01"]),
            ({"huidig_vrijwilliger": "1"}, ["LACKS01", "OLD0001", "NEW0001"]),
            ({"huidig_vrijwilliger": "0"}, ["OTHER01"]),
            ({"vog_missing": "1"}, ["LACKS01", "OTHER01"]),
            ({"vog_older_than_years": "3"}, ["OLD0001"]),
            ({"huidig_vrijwilliger": "1", "vog_missing": "1", "vog_older_than_years": "3"}, ["LACKS01", "OLD0001"]),
        ],
    )
    def test_people_are_found_by_flag_and_certificate(self, rondo, query, expected):
        answer = rondo.get("/rondo/v1/people/filtered", params=query).json()

        assert [person["acf"]["knvb-id"] for person in answer["people"]] == expected
        assert (answer["total"], answer["total_pages"]) == (len(expected), 1)

    @pytest.mark.usefixtures("people")
    def test_pages_can_be_asked_for(self, rondo):
        answer = rondo.get("/rondo/v1/people/filtered", params={"per_page": 3, "page": 2}).json()

        assert ([person["acf"]["knvb-id"] for person in answer["people"]], answer["total_pages"]) == (["OTHER01"], 2)


class TestActivities:
    def test_an_activity_is_noted(self, rondo, create, sandbox):
        person_id = create()["id"]

        answer = rondo.post(f"/rondo/v1/people/{person_id}/activities", json=ACTIVITY)

        noted = {"id": 1, "person_id": person_id, **ACTIVITY}
        assert (answer.status_code, answer.json()) == (201, noted)
        assert sandbox.rondo_club.activities() == [noted]

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"content": ""}, "rest_missing_callback_param"),
            ({"activity_date": "7-2-2026"}, "rest_invalid_param"),
            ({"activity_date": "20260207"}, "rest_invalid_param"),
        ],
    )
    def test_an_activity_that_is_not_right_is_refused(self, rondo, create, sandbox, change, code):
        answer = rondo.post(f"/rondo/v1/people/{create()['id']}/activities", json={**ACTIVITY, **change})

        assert error(answer) == (400, code)
        assert sandbox.rondo_club.activities() == []


class TestPhoto:
    @pytest.fixture
    def path(self, create):
        return f"/rondo/v1/people/{create()['id']}/photo"

    @pytest.mark.parametrize("content", [make_png("a"), make_jpeg("b")])
    def test_a_photo_is_kept_as_it_came(self, rondo, path, sandbox, content):
        answer = rondo.post(path, files={"file": ("QXZT41P.jpg", content, "image/jpeg")})

        [(person_id, kept)] = sandbox.rondo_club.photos().items()
        assert (answer.status_code, answer.json()["person_id"]) == (200, person_id)
        assert (kept.filename, kept.content_type, kept.content) == ("QXZT41P.jpg", "image/jpeg", content)

    def test_a_second_photo_takes_the_place_of_the_first(self, rondo, path, sandbox):
        for text in "ab":
            rondo.post(path, files={"file": ("QXZT41P.png", make_png(text), "image/png")})

        assert [photo.content for photo in sandbox.rondo_club.photos().values()] == [make_png("b")]

    @pytest.mark.parametrize(
        ("files", "code"),
        [
            ({"photo": ("a.png", make_png("a"), "image/png")}, "rest_upload_no_data"),
            ({"file": ("a.png", b"", "image/png")}, "rest_upload_no_data"),
            ({"file": ("a.png", b"<html>", "image/png")}, "rest_upload_sideload_error"),
        ],
    )
    def test_what_is_no_image_in_the_right_field_is_refused(self, rondo, path, sandbox, files, code):
        assert error(rondo.post(path, files=files)) == (400, code)
        assert sandbox.rondo_club.photos() == {}

    def test_a_photo_must_come_as_a_form(self, rondo, path):
        answer = rondo.post(path, content=make_png("a"), headers={"Content-Type": "image/png"})

        assert error(answer) == (400, "rest_upload_no_data")

    def test_a_photo_can_be_deleted_once(self, rondo, path, sandbox):
        rondo.post(path, files={"file": ("a.png", make_png("a"), "image/png")})

        assert rondo.delete(path).status_code == 200
        assert error(rondo.delete(path)) == (404, "rest_no_photo")
        assert sandbox.rondo_club.photos() == {}


class TestContributions:
    def test_a_year_has_three_fields(self, put):
        written = {"_nikki_2026_total": 1250.0, "_nikki_2026_saldo": -12.5, "_nikki_2026_status": "Betaald"}

        _, shown = put({**NAMES, **written})

        assert {name: shown[name] for name in written} == written

    def test_a_field_that_nobody_wrote_is_not_there(self, put):
        assert [name for name in put(NAMES)[1] if name.startswith("_nikki")] == []

    @pytest.mark.parametrize("field", [{"_nikki_2026_saldo": ""}, {"_nikki_2026_total": "€ 1"}, {"_nikki_2026_status": 1}])
    def test_amounts_are_numbers_and_a_status_is_text(self, rondo, create, field):
        answer = rondo.put(f"/wp/v2/people/{create()['id']}", json={"acf": {**NAMES, **field}})

        assert (answer.status_code, answer.json()["code"]) == (400, "rest_invalid_param")

    def test_a_year_has_no_other_fields(self, put):
        assert "_nikki_2026_naam" not in put({**NAMES, "_nikki_2026_naam": "x"})[1]


class TestWorkHistory:
    def test_a_row_reads_back_as_it_was_written(self, put):
        assert put({**NAMES, "work_history": [STINT]})[1]["work_history"] == [STINT]

    @pytest.mark.parametrize("day", ["20260207", "07-02-2026", "2026-2-7", 2026])
    def test_a_day_is_written_with_hyphens(self, rondo, create, day):
        acf = {**NAMES, "work_history": [{**STINT, "start_date": day}]}

        answer = rondo.put(f"/wp/v2/people/{create()['id']}", json={"acf": acf})

        assert answer.json()["data"]["params"]["acf"].startswith("acf[work_history][0][start_date] is")


class TestTodos:
    def test_something_to_do_is_noted(self, rondo, create, sandbox):
        person_id = create()["id"]

        answer = rondo.post(f"/rondo/v1/people/{person_id}/todos", json={"content": "Bel even", "due_date": "2026-03-01"})

        todo = {"id": 1, "person_id": person_id, "content": "Bel even", "due_date": "2026-03-01"}
        assert (answer.status_code, answer.json(), sandbox.rondo_club.todos()) == (201, todo, [todo])

    @pytest.mark.parametrize(
        ("body", "code"),
        [({}, "rest_missing_callback_param"), ({"content": "Bel", "due_date": "morgen"}, "rest_invalid_param")],
    )
    def test_something_to_do_that_is_not_right_is_refused(self, rondo, create, sandbox, body, code):
        answer = rondo.post(f"/rondo/v1/people/{create()['id']}/todos", json=body)

        assert (answer.status_code, answer.json()["code"], sandbox.rondo_club.todos()) == (400, code, [])


def test_what_is_changed_by_hand_is_a_change_like_any_other(rondo, create, sandbox, clock):
    person_id = create()["id"]
    clock.now += 60
    contact = [{"contact_type": "email", "contact_label": "", "contact_value": "fen@thuis.example"}]

    sandbox.rondo_club.change_by_hand(person_id, {"contact_info": contact})

    person = rondo.get(f"/wp/v2/people/{person_id}").json()
    assert (person["modified_gmt"], person["acf"]["contact_info"]) == ("2026-02-07T12:01:00", contact)
    assert sandbox.rondo_club.find_person(person_id) == person
    found = rondo.get("/rondo/v1/people/find-by-email", params={"email": "fen@thuis.example"}).json()
    assert found == {"id": person_id}
