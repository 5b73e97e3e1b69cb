"""What the FreeScout of the sandbox insists on."""

import httpx
import pytest

from pipelines.sandbox import running

FENNA = {
    "firstName": "Fenna",
    "lastName": "Voorbeeld",
    "emails": [{"value": "Fenna@thuis.example", "type": "home"}],
    "phones": [{"type": "mobile", "value": "0600000001"}],
}


def refusal(path, message):
    return {
        "message": "Bad Request",
        "errorCode": "BAD_REQUEST",
        "_embedded": {"errors": [{"path": path, "message": message}]},
    }


def already_exists(email):
    return refusal("emails", f"The following emails already exist: {email}")


def shown(customer_id, **changes):
    customer = {
        "id": customer_id,
        "firstName": "Fenna",
        "lastName": "Voorbeeld",
        "customerFields": [],
        "_embedded": {
            "emails": [{"value": "fenna@thuis.example", "type": "home"}],
            "phones": [{"type": "mobile", "value": "0600000001"}],
            "websites": [],
        },
    }
    return {**customer, **changes}


@pytest.fixture
def path(freescout):
    return f"/customers/{freescout.post('/customers', json=FENNA).json()['id']}"


class TestCaller:
    @pytest.mark.parametrize("headers", [{}, {"X-FreeScout-API-Key": "guess"}, {"Authorization": "Bearer guess"}])
    def test_nothing_is_answered_without_the_key(self, sandbox, headers):
        answer = httpx.get(f"{sandbox.environment['FREESCOUT_BASE_URL']}/api/customers", headers=headers, trust_env=False)

        assert (answer.status_code, answer.json()) == (401, {"message": "Not Authorized", "errorCode": "UNAUTHORIZED"})

    def test_what_is_not_there_is_not_found(self, freescout):
        answer = freescout.get("/mailboxes")

        assert (answer.status_code, answer.json()) == (404, {"message": "Not Found", "errorCode": "NOT_FOUND"})


class TestCreate:
    def test_a_customer_is_created_whole(self, freescout, sandbox):
        answer = freescout.post("/customers", json=FENNA)

        assert (answer.status_code, answer.json()) == (201, shown(181))
        assert answer.headers["Resource-ID"] == "181"
        assert sandbox.freescout.customers() == [shown(181)]

    def test_an_address_that_is_plain_text_is_said_to_exist(self, freescout, sandbox):
        answer = freescout.post("/customers", json={**FENNA, "emails": ["fenna@thuis.example"]})

        assert (answer.status_code, answer.json()) == (400, already_exists("fenna@thuis.example"))
        assert sandbox.freescout.customers() == []

    @pytest.mark.usefixtures("path")
    def test_the_address_of_a_customer_that_the_search_finds_is_a_conflict(self, freescout):
        answer = freescout.post("/customers", json=FENNA)

        expected = {"message": "Customer with this email already exists.", "errorCode": "CONFLICT"}
        assert (answer.status_code, answer.json()) == (409, expected)

    def test_the_address_of_a_customer_that_the_search_does_not_find_exists_already(self, freescout, sandbox):
        sandbox.freescout.add_customer("Fenna", "fenna@thuis.example", is_found=False)

        answer = freescout.post("/customers", json=FENNA)

        assert (answer.status_code, answer.json()) == (400, already_exists("Fenna@thuis.example"))

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"firstName": 1}, "firstName"),
            ({"lastName": None}, "lastName"),
            ({"phones": ["0600000001"]}, "phones"),
            ({"phones": "0600000001"}, "phones"),
            ({"emails": [{"value": "onbekend"}]}, "emails"),
            ({"firstName": "", "emails": []}, "firstName"),
        ],
    )
    def test_a_body_that_is_not_right_is_refused_by_field(self, freescout, sandbox, change, field):
        answer = freescout.post("/customers", json={**FENNA, **change})

        [error] = answer.json()["_embedded"]["errors"]
        assert (answer.status_code, error["path"], sandbox.freescout.customers()) == (400, field, [])

    def test_a_body_that_is_no_object_is_refused(self, freescout):
        answer = freescout.post("/customers", json=[])

        assert (answer.status_code, answer.json()["message"]) == (400, "The body is not a JSON object.")


class TestUpdate:
    def test_a_change_is_answered_with_nothing(self, freescout, path, sandbox):
        answer = freescout.put(path, json={"firstName": "Fen", "lastName": "Anders", "phones": []})

        assert (answer.status_code, answer.content) == (204, b"")
        [customer] = sandbox.freescout.customers()
        assert (customer["firstName"], customer["lastName"], customer["_embedded"]["phones"]) == ("Fen", "Anders", [])

    def test_what_is_not_named_stays(self, freescout, path, sandbox):
        freescout.put(path, json={"photoUrl": "https://foto.example/1"})

        assert sandbox.freescout.customers() == [shown(181, photoUrl="https://foto.example/1")]

    def test_the_address_of_another_customer_is_a_conflict(self, freescout, path, sandbox):
        sandbox.freescout.add_customer("Bo", "bo@thuis.example")

        answers = [
            freescout.put(path, json={"emails": [{"value": email, "type": "home"}]})
            for email in ("bo@thuis.example", "fenna@thuis.example")
        ]

        assert [answer.status_code for answer in answers] == [409, 204]

    def test_custom_fields_are_set_one_by_one(self, freescout, path, sandbox):
        first = freescout.put(f"{path}/customer_fields", json={"customerFields": [{"id": 1, "value": "MO15-1"}]})
        freescout.put(f"{path}/customer_fields", json={"customerFields": [{"id": 4, "value": "QXZT41P"}]})

        fields = [{"id": 1, "value": "MO15-1"}, {"id": 4, "value": "QXZT41P"}]
        assert (first.status_code, first.content) == (204, b"")
        assert sandbox.freescout.customers() == [shown(181, customerFields=fields)]

    @pytest.mark.parametrize(
        "body",
        [
            {"customer_fields": [{"id": 1, "value": "MO15-1"}]},
            {"customerFields": {"1": "MO15-1"}},
            {"customerFields": [{"id": 99, "value": "MO15-1"}]},
            {"customerFields": [{"id": 7, "value": 12.5}]},
        ],
    )
    def test_custom_fields_go_by_one_key_and_as_text(self, freescout, path, sandbox, body):
        answer = freescout.put(f"{path}/customer_fields", json=body)

        [error] = answer.json()["_embedded"]["errors"]
        assert (answer.status_code, error["path"]) == (400, "customerFields")
        assert sandbox.freescout.customers() == [shown(181)]


class TestGone:
    def test_a_customer_can_be_deleted_once(self, freescout, path, sandbox):
        answers = [freescout.delete(path) for _ in range(2)]

        assert [(answer.status_code, answer.content != b"") for answer in answers] == [(204, False), (404, True)]
        assert sandbox.freescout.customers() == []

    def test_whatever_is_asked_of_somebody_gone_is_not_found(self, freescout, path):
        freescout.delete(path)

        fields = {"customerFields": []}
        answers = [
            freescout.get(path),
            freescout.put(path, json=FENNA),
            freescout.put(f"{path}/customer_fields", json=fields),
        ]

        assert [answer.status_code for answer in answers] == [404] * 3

    def test_the_address_of_a_customer_that_was_deleted_is_free(self, freescout, path):
        freescout.delete(path)

        assert freescout.post("/customers", json=FENNA).json() == shown(182)


class TestFind:
    @pytest.mark.usefixtures("path")
    def test_an_address_is_found_whatever_its_case(self, freescout):
        found = freescout.get("/customers", params={"email": " FENNA@thuis.example"}).json()

        assert found == {
            "_embedded": {"customers": [shown(181)]},
            "page": {"size": 50, "totalElements": 1, "totalPages": 1, "number": 1},
        }

    @pytest.mark.usefixtures("path")
    def test_nobody_is_an_empty_page(self, freescout):
        assert freescout.get("/customers", params={"email": "bo@thuis.example"}).json() == {
            "_embedded": {"customers": []},
            "page": {"size": 50, "totalElements": 0, "totalPages": 0, "number": 1},
        }

    def test_a_customer_that_the_search_does_not_find_is_found_by_conversation(self, freescout, sandbox):
        customer_id = sandbox.freescout.add_customer("Fenna", "fenna@thuis.example", is_found=False)
        sandbox.freescout.add_conversation(customer_id, "Vraag")

        searched = freescout.get("/customers", params={"email": "fenna@thuis.example"}).json()
        written = freescout.get("/conversations", params={"customerEmail": "Fenna@thuis.example"}).json()

        assert searched["_embedded"] == {"customers": []}
        assert written["_embedded"] == {"conversations": [{"id": 1, "subject": "Vraag", "customer": {"id": customer_id}}]}
        assert freescout.get("/conversations", params={"customerEmail": "bo@thuis.example"}).json()["page"] == {
            "size": 50,
            "totalElements": 0,
            "totalPages": 0,
            "number": 1,
        }

    def test_a_list_comes_in_pages(self, freescout, sandbox):
        for name in ("a", "b", "c"):
            sandbox.freescout.add_customer(name, f"{name}@thuis.example")

        pages = [freescout.get("/customers", params={"page": page, "pageSize": 2}).json() for page in (1, 2)]

        names = [[customer["firstName"] for customer in page["_embedded"]["customers"]] for page in pages]
        assert names == [["a", "b"], ["c"]]
        assert pages[1]["page"] == {"size": 2, "totalElements": 3, "totalPages": 2, "number": 2}


def test_a_helpdesk_knows_some_members_already(tmp_path):
    with running(tmp_path, members=1069) as sandbox:
        customers = {customer["id"]: customer for customer in sandbox.freescout.customers()}
        linked = {
            int(text)
            for fields in sandbox.club.free_fields.values()
            if (text := fields.get("Remarks3", {}).get("Value", "")).isdecimal()
        }

    assert len(linked & customers.keys()) > 40
    assert len(linked - customers.keys()) > 10  # deleted since
    assert len(customers.keys() - linked) > 10  # not linked yet

    with running(tmp_path) as sandbox:
        assert {customer["id"]: customer for customer in sandbox.freescout.customers()} == customers
