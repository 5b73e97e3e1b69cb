"""What the Laposta of the sandbox insists on."""

import httpx
import pytest


@pytest.fixture
def list_id(sandbox):
    return sandbox.environment["LAPOSTA_LIST"]


@pytest.fixture
def add(laposta, list_id):
    """Add a subscriber, as a form."""

    def add(email="fenna@thuis.example", **fields):
        wanted = {"list_id": list_id, "ip": "3.3.3.3", "email": email, **fields}
        return laposta.post("/member", data={name: value for name, value in wanted.items() if value is not None})

    return add


UPSERT = {"options[upsert]": "true"}


def error(answer):
    body = answer.json()["error"]
    return answer.status_code, body["type"], body.get("code"), body.get("parameter")


class TestCaller:
    @pytest.mark.parametrize("auth", [None, ("guess", ""), ("", "")])
    def test_nothing_is_answered_without_the_key(self, laposta, list_id, auth):
        answer = httpx.get(f"{laposta.base_url}member", params={"list_id": list_id}, auth=auth, trust_env=False)

        assert error(answer) == (401, "invalid_request", None, None)

    @pytest.mark.parametrize("header", ["Bearer x", "Basic %%%", "Basic /w==", "Basic"])
    def test_a_header_that_is_no_basic_authentication_is_refused(self, laposta, header):
        answer = httpx.get(f"{laposta.base_url}member", headers={"Authorization": header}, trust_env=False)

        assert answer.status_code == 401

    def test_what_is_not_there_is_not_found(self, laposta):
        assert error(laposta.get("/elsewhere")) == (404, "invalid_request", None, None)


class TestAdd:
    def test_a_new_subscriber_is_created(self, add, sandbox, list_id):
        answer = add(**{"custom_fields[voornaam]": "Fenna", "custom_fields[geboortedatum]": "2012-03-09"})

        member = answer.json()["member"]
        assert answer.status_code == 201
        assert {**member, "member_id": ""} == {
            "member_id": "",
            "list_id": list_id,
            "email": "fenna@thuis.example",
            "state": "active",
            "signup_date": "2026-02-07 12:00:00",
            "modified": "2026-02-07 12:00:00",
            "ip": "3.3.3.3",
            "custom_fields": {"voornaam": "Fenna", "geboortedatum": "2012-03-09"},
        }
        assert sandbox.laposta.subscribers(list_id) == [member]

    def test_a_known_subscriber_is_refused_without_upsert(self, add):
        add()

        assert error(add("FENNA@thuis.example")) == (400, "invalid_input", 204, "email")

    def test_an_upsert_keeps_what_it_does_not_name(self, add, clock):
        add(**{"custom_fields[voornaam]": "Fenna", "custom_fields[plaats]": "Testdorp"})
        clock.now += 60

        answer = add(**UPSERT, **{"custom_fields[voornaam]": "", "custom_fields[team]": "MO15-1"})

        member = answer.json()["member"]
        assert (answer.status_code, member["signup_date"], member["modified"], member["custom_fields"]) == (
            200,
            "2026-02-07 12:00:00",
            "2026-02-07 12:01:00",
            {"voornaam": "", "plaats": "Testdorp", "team": "MO15-1"},
        )

    def test_a_change_never_carries_the_second_of_the_signup(self, add):
        add()

        member = add(**UPSERT).json()["member"]

        assert (member["signup_date"], member["modified"]) == ("2026-02-07 12:00:00", "2026-02-07 12:00:01")

    def test_an_upsert_of_somebody_new_creates(self, add):
        assert add(**UPSERT).status_code == 201

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"list_id": None}, (400, "invalid_input", 201, "list_id")),
            ({"list_id": "elsewhere"}, (400, "invalid_input", 203, "list_id")),
            ({"ip": None}, (400, "invalid_input", 201, "ip")),
            ({"ip": "3.3.3"}, (400, "invalid_input", 202, "ip")),
            ({"email": ""}, (400, "invalid_input", 201, "email")),
            ({"custom_fields[geboortedatum]": "1956-00-00"}, (400, "invalid_input", 202, "geboortedatum")),
        ],
    )
    def test_wrong_input_is_named(self, add, sandbox, list_id, fields, expected):
        assert error(add(**fields)) == expected
        assert sandbox.laposta.subscribers(list_id) == []

    @pytest.mark.parametrize(
        "email",
        [
            "onbekend",
            "sam@@thuis.example",
            "sam@",
            "@thuis.example",
            "sam vos@thuis.example",
            "sam@thuis",
            "sam@thuis,example",
            "sam..vos@thuis.example",
            ".sam@thuis.example",
            "sam@-thuis.example",
            "sam@thuis.example\nx",
        ],
    )
    def test_an_address_that_is_none_is_refused(self, add, email):
        answer = add(email)

        assert (answer.status_code, answer.json()) == (
            400,
            {"error": {"type": "invalid_input", "message": "Email: invalid address", "code": 208, "parameter": "email"}},
        )

    @pytest.mark.parametrize("email", ["a@b.example", " sam.vos+club@sub.thuis.example ", "O'Neil_7@thuis.example"])
    def test_an_unusual_address_is_taken(self, add, email):
        assert add(email).json()["member"]["email"] == email.strip()

    def test_fields_that_the_list_does_not_know_are_left_out(self, add):
        answer = add(**{"custom_fields[schoenmaat]": "38", "voornaam": "Fenna"})

        assert (answer.status_code, answer.json()["member"]["custom_fields"]) == (201, {})

    def test_a_field_may_hold_many_values(self, add):
        answer = add(**{"custom_fields[team][]": ["MO15-1", "JO14-2"]})

        assert answer.json()["member"]["custom_fields"] == {"team": ["MO15-1", "JO14-2"]}

    def test_json_is_not_read(self, laposta, list_id):
        answer = laposta.post("/member", json=["list_id", list_id])

        assert error(answer) == (400, "invalid_input", 201, "list_id")

    def test_lists_know_nothing_of_each_other(self, add, sandbox):
        second = sandbox.environment["LAPOSTA_LIST2"]
        add()

        assert add(list_id=second).status_code == 201
        assert [len(sandbox.laposta.subscribers(list_id)) for list_id in sandbox.laposta.list_ids] == [1, 1, 0, 0]


class TestOne:
    def test_a_subscriber_is_found_by_address_and_by_id(self, add, laposta, list_id):
        member = add().json()["member"]

        found = [
            laposta.get(f"/member/{key}", params={"list_id": list_id}).json()
            for key in (member["member_id"], "Fenna@Thuis.example")
        ]

        assert found == [{"member": member}] * 2

    def test_nobody_is_not_found(self, laposta, list_id):
        answers = [
            laposta.request(method, "/member/nobody", params={"list_id": list_id}, data={"list_id": list_id})
            for method in ("GET", "POST", "DELETE")
        ]

        assert [error(answer) for answer in answers] == [(404, "invalid_input", 203, "member_id")] * 3

    def test_a_subscriber_can_be_changed(self, add, laposta, list_id):
        add()
        form = {"list_id": list_id, "state": "unsubscribed", "custom_fields[team]": "MO15-1"}

        member = laposta.post("/member/fenna@thuis.example", data=form).json()["member"]

        assert (member["state"], member["custom_fields"]) == ("unsubscribed", {"team": "MO15-1"})

    def test_a_subscriber_cannot_be_given_a_state_that_does_not_exist(self, add, laposta, list_id):
        add()

        answer = laposta.post("/member/fenna@thuis.example", data={"list_id": list_id, "state": "gone"})

        assert error(answer) == (400, "invalid_input", 203, "state")

    def test_a_subscriber_can_be_deleted(self, add, laposta, list_id, sandbox):
        add()

        answer = laposta.delete("/member/fenna@thuis.example", params={"list_id": list_id})

        assert (answer.status_code, answer.json()["member"]["state"]) == (200, "deleted")
        assert sandbox.laposta.subscribers(list_id) == []

    def test_an_upsert_brings_back_who_left_unless_told_not_to(self, add, laposta, list_id):
        add()
        laposta.post("/member/fenna@thuis.example", data={"list_id": list_id, "state": "unsubscribed"})

        kept = add(**UPSERT, **{"options[suppress_reactivation]": "true"})
        assert kept.json()["member"]["state"] == "unsubscribed"
        assert add(**UPSERT).json()["member"]["state"] == "active"


class TestLists:
    def test_the_members_of_a_list_can_be_asked_by_state(self, add, laposta, list_id):
        add("a@thuis.example")
        add("b@thuis.example")
        laposta.post("/member/b@thuis.example", data={"list_id": list_id, "state": "cleaned"})

        found = {
            state: [m["member"]["email"] for m in laposta.get("/member", params={"list_id": list_id, **query}).json()["data"]]
            for state, query in {"all": {}, "active": {"state": "active"}, "cleaned": {"state": "cleaned"}}.items()
        }

        assert found == {
            "all": ["a@thuis.example", "b@thuis.example"],
            "active": ["a@thuis.example"],
            "cleaned": ["b@thuis.example"],
        }

    def test_a_state_that_does_not_exist_is_refused(self, laposta, list_id):
        answer = laposta.get("/member", params={"list_id": list_id, "state": "gone"})

        assert error(answer) == (400, "invalid_input", 203, "state")

    def test_a_list_tells_its_fields(self, laposta, list_id):
        fields = [entry["field"] for entry in laposta.get("/field", params={"list_id": list_id}).json()["data"]]

        shown = {field["custom_name"]: (field["tag"], field["datatype"], field["required"]) for field in fields}
        assert len(fields) == 26
        assert [shown["email"], shown["geboortedatum"], shown["relatiecode"]] == [
            ("{{email}}", "text", True),
            ("{{geboortedatum}}", "date", False),
            ("{{relatiecode}}", "text", False),
        ]

    @pytest.mark.parametrize("path", ["/field", "/member"])
    def test_a_list_that_does_not_exist_has_nothing(self, laposta, path):
        assert error(laposta.get(path, params={"list_id": "elsewhere"})) == (400, "invalid_input", 203, "list_id")
