import httpx
import pytest

from pipelines.clients.laposta import LapostaClient, Upsert
from pipelines.errors import LapostaError
from pipelines.sandbox import Fault, FaultKind
from pipelines.settings import LapostaSettings, Settings

FENNA = {"voornaam": "Fenna", "achternaam": "Voorbeeld", "team": "MO15-1, JO14-2"}


@pytest.fixture
def laposta(settings):
    with LapostaClient(settings.laposta, retry_wait_s=0) as client:
        yield client


def first_list(settings):
    return settings.laposta.list_ids[0]


def test_an_unknown_address_is_added(laposta, settings, sandbox):
    upsert = laposta.upsert_member(first_list(settings), "fenna@voorbeeld.example", FENNA)

    [subscriber] = sandbox.laposta.subscribers(first_list(settings))
    assert upsert is Upsert.ADDED
    assert (subscriber["email"], subscriber["state"], subscriber["ip"]) == ("fenna@voorbeeld.example", "active", "3.3.3.3")
    assert subscriber["custom_fields"].items() >= FENNA.items()


def test_a_known_address_is_updated(laposta, settings, sandbox):
    laposta.upsert_member(first_list(settings), "fenna@voorbeeld.example", FENNA)

    upsert = laposta.upsert_member(first_list(settings), "fenna@voorbeeld.example", {**FENNA, "team": "MO17-1"})

    [subscriber] = sandbox.laposta.subscribers(first_list(settings))
    assert upsert is Upsert.UPDATED
    assert subscriber["custom_fields"]["team"] == "MO17-1"


def test_who_unsubscribed_is_updated_and_stays_unsubscribed(laposta, settings, sandbox):
    email, list_id = "fenna@voorbeeld.example", first_list(settings)
    laposta.upsert_member(list_id, email, FENNA)
    form = {"list_id": list_id, "state": "unsubscribed"}
    httpx.post(f"{settings.laposta.url}/v2/member/{email}", data=form, auth=(settings.laposta.api_key, "")).raise_for_status()

    laposta.upsert_member(list_id, email, {**FENNA, "team": "MO17-1"})

    [subscriber] = sandbox.laposta.subscribers(list_id)
    assert (subscriber["state"], subscriber["custom_fields"]["team"]) == ("unsubscribed", "MO17-1")


def test_an_address_that_is_refused_says_why_and_what_to_do(laposta, settings):
    with pytest.raises(LapostaError) as caught:
        laposta.upsert_member(first_list(settings), "no address", FENNA, subject="ABCD12X")

    assert str(caught.value) == (
        'laposta: upsert subscriber ABCD12X: 400, "Email: invalid address" (correct the address in Sportlink)'
    )


def test_a_wrong_key_says_which_setting_to_check(settings):
    wrong = LapostaSettings(url=settings.laposta.url, api_key="wrong", list_ids=(), delay_s=0)

    with LapostaClient(wrong, retry_wait_s=0) as laposta, pytest.raises(LapostaError) as caught:
        laposta.upsert_member("list", "fenna@voorbeeld.example", {})

    assert str(caught.value) == ('laposta: upsert subscriber: 401, "No valid API key provided" (check LAPOSTA_API_KEY)')


@pytest.mark.parametrize("kind", [FaultKind.TOO_MANY_REQUESTS, FaultKind.SERVER_ERROR, FaultKind.DROPPED, FaultKind.LOST])
def test_an_upsert_is_repeated_until_it_succeeds_and_leaves_one_subscriber(start, kind):
    sandbox = start(Fault(kind=kind, system="laposta", times=2))
    settings = Settings.from_env(sandbox.environment)

    with LapostaClient(settings.laposta, retry_wait_s=0) as laposta:
        laposta.upsert_member(first_list(settings), "fenna@voorbeeld.example", FENNA)

    assert len(sandbox.requests) == 3
    assert len(sandbox.laposta.subscribers(first_list(settings))) == 1


def test_an_answer_without_a_member_is_an_error(serve):
    script = serve(httpx.Response(201, json={"data": []}))
    settings = LapostaSettings(url=script.url, api_key="key", list_ids=(), delay_s=0)

    with LapostaClient(settings, retry_wait_s=0) as laposta, pytest.raises(LapostaError, match="shows no member"):
        laposta.upsert_member("list", "fenna@voorbeeld.example", {})


def test_an_error_that_is_not_lapostas_own_shows_no_body(serve):
    script = serve(httpx.Response(402, content=b"<html>fenna@voorbeeld.example</html>"))
    settings = LapostaSettings(url=script.url, api_key="key", list_ids=(), delay_s=0)

    with LapostaClient(settings, retry_wait_s=0) as laposta, pytest.raises(LapostaError) as caught:
        laposta.upsert_member("list", "fenna@voorbeeld.example", {})

    assert str(caught.value) == 'laposta: upsert subscriber: 402, "Payment Required" (check the account at Laposta)'
