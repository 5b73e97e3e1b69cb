"""What the Rondo Club of the sandbox insists on for teams, committees, cases and seasons."""

import pytest

TEAM = {
    "title": "Voorbeeldclub JO17-1",
    "status": "publish",
    "acf": {"publicteamid": "T0001", "activiteit": "Veld - Zaterdag", "gender": "male"},
}
CASE = {
    "dossier_id": "T-00042",
    "person": 2001,
    "match_date": "20260117",
    "processing_date": "",
    "match_description": "Testclub 3 - FC Elders 2",
    "team_name": "Testclub 3",
    "charge_codes": '["R2.3"]',
    "charge_description": None,
    "sanction_description": "1 wedstrijd uitsluiting",
    "administrative_fee": 25.0,
    "is_charged": True,
}


def post(name, **body):
    return {"title": name, "status": "publish", **body}


@pytest.fixture
def create(rondo):
    """Creates a post and gives it as answered."""

    def create(kind="teams", **body):
        answer = rondo.post(f"/wp/v2/{kind}", json={**TEAM, **body})
        assert answer.status_code == 201
        return answer.json()

    return create


class TestCreate:
    def test_a_team_is_created_whole(self, rondo, sandbox):
        answer = rondo.post("/wp/v2/teams", json=TEAM)

        now = "2026-02-07T12:00:00"
        assert (answer.status_code, answer.json()) == (
            201,
            {
                "id": 500_001,
                "date_gmt": now,
                "modified_gmt": now,
                "status": "publish",
                "type": "teams",
                "title": {"rendered": "Voorbeeldclub JO17-1"},
                "content": {"rendered": ""},
                "acf": {"publicteamid": "T0001", "activiteit": "Veld - Zaterdag", "gender": "male"},
            },
        )
        assert sandbox.rondo_club.posts.all("teams") == [answer.json()]

    def test_a_committee_has_a_title_and_a_text_alone(self, create):
        created = create("commissies", title="Jeugdcommissie", content="")

        assert (created["title"], created["content"], created["acf"]) == (
            {"rendered": "Jeugdcommissie"},
            {"rendered": ""},
            {},
        )

    def test_a_title_is_shown_as_html_in_print(self, create):
        created = create("commissies", title="""'t "Hok" & foto's - <5x5> -- enz...""")

        shown = "&#8216;t &#8220;Hok&#8221; &#038; foto&#8217;s &#8211; &lt;5&#215;5&gt; &#8211; enz&#8230;"
        assert created["title"] == {"rendered": shown}

    def test_a_post_is_a_draft_when_nothing_else_is_said(self, rondo):
        assert rondo.post("/wp/v2/teams", json={"title": "JO17-1"}).json()["status"] == "draft"

    def test_two_posts_may_have_the_same_title(self, create):
        assert create()["id"] != create()["id"]

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"title": ""}, "empty_content"),
            ({"title": 1}, "rest_invalid_param"),
            ({"status": "active"}, "rest_invalid_param"),
            ({"acf": []}, "rest_invalid_param"),
            ({"acf": {"publicteamid": 17}}, "rest_invalid_param"),
            ({"acf": {"gender": "Mannen"}}, "rest_invalid_param"),
        ],
    )
    def test_a_body_that_is_not_right_is_refused(self, rondo, sandbox, change, code):
        answer = rondo.post("/wp/v2/teams", json={**TEAM, **change})

        assert (answer.status_code, answer.json()["code"], sandbox.rondo_club.posts.all("teams")) == (400, code, [])

    def test_names_that_are_not_known_are_left_out(self, create):
        created = create(acf={"publicteamid": "T0001", "public-team-id": "T0002"})

        assert created["acf"] == {"publicteamid": "T0001", "activiteit": None, "gender": None}


class TestUpdate:
    def test_a_change_leaves_what_it_does_not_name(self, rondo, create, clock):
        created = create()
        clock.now += 60

        changed = rondo.put(f"/wp/v2/teams/{created['id']}", json={"title": "JO17-2", "acf": {"gender": "female"}}).json()

        assert changed == {
            **created,
            "title": {"rendered": "JO17-2"},
            "modified_gmt": "2026-02-07T12:01:00",
            "acf": {**created["acf"], "gender": "female"},
        }

    def test_a_post_is_only_known_as_what_it_is(self, rondo, create):
        team = create()

        assert rondo.get(f"/wp/v2/commissies/{team['id']}").json()["code"] == "rest_post_invalid_id"

    @pytest.mark.parametrize("force", [True, False])
    def test_a_post_that_was_deleted_is_gone(self, rondo, create, sandbox, force):
        created = create()
        path = f"/wp/v2/teams/{created['id']}"

        answer = rondo.request("DELETE", path, json={"force": force}).json()

        assert answer == ({"deleted": True, "previous": created} if force else {**created, "status": "trash"})
        assert sandbox.rondo_club.posts.all("teams") == []
        gone = [rondo.get(path), rondo.put(path, json=TEAM), rondo.delete(path)]
        assert [(one.status_code, one.json()["code"]) for one in gone] == [(404, "rest_post_invalid_id")] * 3


class TestList:
    def test_pages_come_newest_first_and_end_with_an_error(self, rondo, create):
        ids = [create()["id"] for _ in range(3)]

        pages = [rondo.get("/wp/v2/teams", params={"per_page": 2, "page": page, "_fields": "id"}) for page in (1, 2, 3)]

        assert [page.json() for page in pages[:2]] == [[{"id": ids[2]}, {"id": ids[1]}], [{"id": ids[0]}]]
        assert (pages[2].status_code, pages[2].json()["code"]) == (400, "rest_post_invalid_page_number")
        assert (pages[0].headers["X-WP-Total"], pages[0].headers["X-WP-TotalPages"]) == ("3", "2")

    def test_drafts_and_other_posts_are_not_listed(self, rondo, create):
        create(status="draft")
        create("commissies")

        assert rondo.get("/wp/v2/teams").json() == []


class TestCases:
    @pytest.fixture
    def season(self, rondo):
        return rondo.post("/wp/v2/seizoen", json={"name": "2025-2026", "slug": "2025-2026"}).json()

    def test_a_case_keeps_its_fields_and_its_season(self, create, season):
        created = create("discipline-cases", acf=CASE, seizoen=[season["id"]])

        assert created["acf"] == {**CASE, "home_team": None, "away_team": None}
        assert created["seizoen"] == [season["id"]]

    def test_a_season_that_does_not_exist_is_taken_and_lost(self, create):
        assert create("discipline-cases", acf=CASE, seizoen=[2025])["seizoen"] == []

    def test_a_change_without_a_season_leaves_it(self, rondo, create, season):
        case = create("discipline-cases", acf=CASE, seizoen=[season["id"]])

        changed = rondo.put(f"/wp/v2/discipline-cases/{case['id']}", json={"acf": {"is_charged": False}}).json()

        assert (changed["seizoen"], changed["acf"]["is_charged"]) == ([season["id"]], False)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("administrative_fee", ""),
            ("administrative_fee", "gratis"),
            ("match_date", "2026-01-17"),
            ("match_date", 20260117),
            ("processing_date", "17-01-2026"),
            ("person", "2001"),
            ("person", None),
            ("charge_codes", ["R2.3"]),
            ("is_charged", "ja"),
        ],
    )
    def test_a_field_of_a_case_has_one_form(self, rondo, sandbox, field, value):
        answer = rondo.post("/wp/v2/discipline-cases", json=post("case", acf={**CASE, field: value}))

        assert (answer.status_code, answer.json()["code"]) == (400, "rest_invalid_param")
        assert f"acf[{field}]" in answer.json()["data"]["params"]["acf"]
        assert sandbox.rondo_club.posts.all("discipline-cases") == []

    @pytest.mark.parametrize("value", [None, 0, 17.5])
    def test_a_fee_is_a_number_or_nothing(self, create, value):
        assert create("discipline-cases", acf={**CASE, "administrative_fee": value})["acf"]["administrative_fee"] == value

    def test_a_season_is_named_by_number(self, rondo):
        answer = rondo.post("/wp/v2/discipline-cases", json=post("case", acf=CASE, seizoen=["2025-2026"]))

        assert (answer.status_code, answer.json()["code"]) == (400, "rest_invalid_param")


class TestSeasons:
    def test_a_season_is_found_by_its_slug(self, rondo, sandbox):
        missing = rondo.get("/wp/v2/seizoen", params={"slug": "2025-2026"}).json()
        created = rondo.post("/wp/v2/seizoen", json={"name": "2025-2026", "slug": "2025-2026"})
        rondo.post("/wp/v2/seizoen", json={"name": "2026-2027"})

        term = {"id": 41, "name": "2025-2026", "slug": "2025-2026", "taxonomy": "seizoen"}
        assert (missing, created.status_code, created.json()) == ([], 201, term)
        assert rondo.get("/wp/v2/seizoen", params={"slug": "2025-2026"}).json() == [term]
        assert rondo.get("/wp/v2/seizoen").json() == sandbox.rondo_club.posts.terms()

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"name": "2025-2026"}, "term_exists"),
            ({"slug": "2026-2027"}, "rest_missing_callback_param"),
            ({"name": "x", "slug": "2026 2027"}, "rest_invalid_param"),
        ],
    )
    def test_a_season_that_is_not_right_is_refused(self, rondo, body, code):
        rondo.post("/wp/v2/seizoen", json={"name": "2025-2026"})

        answer = rondo.post("/wp/v2/seizoen", json=body)

        assert (answer.status_code, answer.json()["code"]) == (400, code)
