from dataclasses import replace

import httpx
import pytest

from pipelines.clients.freescout import FreeScoutClient
from pipelines.errors import FreeScoutError, FreeScoutExistsError, FreeScoutNotFoundError
from pipelines.sandbox import Fault, FaultKind
from pipelines.settings import Settings

FENNA = {"email": "fenna@voorbeeld.example", "first_name": "Fenna", "last_name": "Voorbeeld"}


@pytest.fixture
def freescout(settings):
    with FreeScoutClient(settings.freescout, retry_wait_s=0) as client:
        yield client


@pytest.fixture
def at(settings):
    """A client of whoever serves at this URL."""
    clients = []

    def at_(url):
        clients.append(FreeScoutClient(replace(settings.freescout, url=url), retry_wait_s=0))
        return clients[-1]

    yield at_
    for client in clients:
        client.__exit__()


def test_a_customer_that_was_created_is_found_by_its_address(freescout, sandbox):
    customer_id = freescout.create_customer(**FENNA, mobile="06-00000001")

    [customer] = sandbox.freescout.customers()
    assert freescout.find_customer("fenna@voorbeeld.example") == customer["id"] == customer_id
    assert (customer["firstName"], customer["lastName"]) == ("Fenna", "Voorbeeld")
    assert customer["_embedded"]["emails"] == [{"value": "fenna@voorbeeld.example", "type": "home"}]
    assert customer["_embedded"]["phones"] == [{"type": "mobile", "value": "06-00000001"}]


def test_an_address_that_nobody_wrote_from_belongs_to_nobody(freescout):
    assert freescout.find_customer("nobody@voorbeeld.example") is None


def test_a_customer_that_the_search_misses_is_found_through_a_conversation(freescout, sandbox):
    customer_id = sandbox.freescout.add_customer("Fenna", "fenna@voorbeeld.example", is_found=False)
    sandbox.freescout.add_conversation(customer_id, "Contributie")

    assert freescout.find_customer("fenna@voorbeeld.example") == customer_id


@pytest.mark.parametrize(("is_found", "status"), [(True, 409), (False, 400)])
def test_a_customer_who_exists_is_an_error_of_its_own(freescout, sandbox, is_found, status):
    sandbox.freescout.add_customer("Fenna", "fenna@voorbeeld.example", is_found=is_found)

    with pytest.raises(FreeScoutExistsError) as caught:
        freescout.create_customer(**FENNA, subject="QXZT41P")

    assert (caught.value.status, caught.value.subject) == (status, "QXZT41P")
    assert len(sandbox.freescout.customers()) == 1


def test_another_refusal_says_what_is_wrong_with_what(freescout):
    with pytest.raises(FreeScoutError) as caught:
        freescout.create_customer(email="no address", first_name="Fenna", last_name="", subject="QXZT41P")

    assert str(caught.value) == ('freescout: create customer QXZT41P: 400, "emails: The email must be a valid email address."')
    assert type(caught.value) is FreeScoutError


def test_an_update_changes_names_and_number_and_keeps_the_address(freescout, sandbox):
    customer_id = freescout.create_customer(**FENNA)

    freescout.update_customer(customer_id, first_name="Femke", last_name="Ander", mobile="06-00000002")

    [customer] = sandbox.freescout.customers()
    assert (customer["firstName"], customer["lastName"]) == ("Femke", "Ander")
    assert customer["_embedded"]["phones"] == [{"type": "mobile", "value": "06-00000002"}]
    assert customer["_embedded"]["emails"] == [{"value": "fenna@voorbeeld.example", "type": "home"}]


def test_an_update_without_a_number_keeps_the_one_that_is_there(freescout, sandbox):
    customer_id = freescout.create_customer(**FENNA, mobile="06-00000001")

    freescout.update_customer(customer_id, first_name="Femke", last_name="Ander")

    [customer] = sandbox.freescout.customers()
    assert customer["_embedded"]["phones"] == [{"type": "mobile", "value": "06-00000001"}]


def test_the_fields_of_a_customer_are_filled_in(freescout, settings, sandbox):
    customer_id = freescout.create_customer(**FENNA)
    fields = settings.freescout.fields

    freescout.set_customer_fields(customer_id, {fields.union_teams: "JO14-2, MO15-1", fields.nikki_saldo: ""})

    [customer] = sandbox.freescout.customers()
    assert customer["customerFields"] == [{"id": 1, "value": "JO14-2, MO15-1"}, {"id": 7, "value": ""}]


def test_whoever_is_gone_is_not_found(freescout):
    with pytest.raises(FreeScoutNotFoundError):
        freescout.update_customer(7, first_name="Fenna", last_name="Voorbeeld")
    with pytest.raises(FreeScoutNotFoundError) as caught:
        freescout.set_customer_fields(7, {1: "MO15-1"}, subject="QXZT41P")

    assert str(caught.value).startswith("freescout: set customer fields QXZT41P: 404")


def test_deleting_whoever_is_gone_is_fine(freescout, sandbox):
    customer_id = freescout.create_customer(**FENNA)

    freescout.delete_customer(customer_id)
    freescout.delete_customer(customer_id)

    assert sandbox.freescout.customers() == []


def test_a_wrong_address_of_freescout_does_not_make_everybody_look_gone(serve, at):
    script = serve(httpx.Response(404, content=b"<html>Not Found</html>"))

    with pytest.raises(FreeScoutError) as caught:
        at(script.url).delete_customer(7)

    assert str(caught.value) == (
        'freescout: delete customer 7: 404, "Not Found" (check FREESCOUT_BASE_URL, and whether the API module is active)'
    )


def test_a_wrong_key_says_which_setting_to_check(settings):
    wrong = replace(settings.freescout, api_key="wrong")

    with FreeScoutClient(wrong, retry_wait_s=0) as freescout, pytest.raises(FreeScoutError) as caught:
        freescout.find_customer("fenna@voorbeeld.example")

    assert str(caught.value) == 'freescout: find customer: 401, "Not Authorized" (check FREESCOUT_API_KEY)'


@pytest.mark.parametrize("kind", [FaultKind.TOO_MANY_REQUESTS, FaultKind.SERVER_ERROR, FaultKind.DROPPED, FaultKind.LOST])
def test_what_can_be_repeated_is_repeated_until_it_succeeds(start, kind):
    sandbox = start(Fault(kind=kind, system="freescout", method="PUT", times=3))

    with FreeScoutClient(Settings.from_env(sandbox.environment).freescout, retry_wait_s=0) as freescout:
        customer_id = freescout.create_customer(**FENNA)
        freescout.update_customer(customer_id, first_name="Femke", last_name="Ander")

    assert sandbox.freescout.customers()[0]["firstName"] == "Femke"


@pytest.mark.parametrize("kind", [FaultKind.SERVER_ERROR, FaultKind.LOST])
def test_a_creation_that_may_have_happened_is_not_repeated(start, kind):
    sandbox = start(Fault(kind=kind, system="freescout", method="POST", times=1))

    settings = Settings.from_env(sandbox.environment).freescout
    with FreeScoutClient(settings, retry_wait_s=0) as freescout, pytest.raises(FreeScoutError) as caught:
        freescout.create_customer(**FENNA)

    assert caught.value.remedy == "it may have been done all the same: look before it is done again"
    assert [request.method for request in sandbox.requests] == ["POST"]


@pytest.mark.parametrize("answer", [{}, {"_embedded": {}}, {"_embedded": {"customers": ["text"]}}])
def test_an_answer_without_a_list_is_an_error(serve, at, answer):
    script = serve(httpx.Response(200, json=answer))

    with pytest.raises(FreeScoutError, match="the answer shows no list of customers"):
        at(script.url).find_customer("fenna@voorbeeld.example")


def test_an_answer_without_an_id_is_an_error(serve, at):
    script = serve(httpx.Response(201, json={"id": "7"}))

    with pytest.raises(FreeScoutError, match="the answer shows no id"):
        at(script.url).create_customer(**FENNA)
