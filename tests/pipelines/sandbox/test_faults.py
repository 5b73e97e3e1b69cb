"""What goes wrong on request."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Thread

import httpx
import pytest

from pipelines.sandbox import Fault, FaultKind, Faults, running
from pipelines.sandbox.images import make_png

ADDRESSES = [f"sam{number}@thuis.example" for number in range(200)]
NAMES = {"first_name": "Fenna", "last_name": "Voorbeeld"}


@pytest.fixture
def failing(tmp_path):
    """A sandbox with these faults."""

    @contextmanager
    def failing(*rules, seed=1, directory="sandbox"):
        with running(tmp_path / directory, members=3, faults=Faults(rules=rules, seed=seed)) as sandbox:
            yield sandbox

    return failing


def add(laposta, sandbox, email, **fields):
    form = {"list_id": sandbox.environment["LAPOSTA_LIST"], "ip": "3.3.3.3", "email": email, "options[upsert]": "true"}
    return laposta.post("/member", data={**form, **fields})


def struck(laposta, sandbox, addresses):
    """The addresses that are answered with an error."""
    return {email for email in addresses if add(laposta, sandbox, email).is_error}


def test_too_many_requests_says_when_to_come_back(failing, call_laposta):
    fault = Fault(kind=FaultKind.TOO_MANY_REQUESTS, system="laposta", seconds=2)
    with failing(fault) as sandbox, call_laposta(sandbox) as laposta:
        answers = [add(laposta, sandbox, "sam@thuis.example") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [429, 201]
    assert (answers[0].headers["Retry-After"], answers[0].json()["error"]["message"]) == ("2", "Too many requests")


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_server_error_passes_after_so_many_times(failing, call_laposta, times):
    fault = Fault(kind=FaultKind.SERVER_ERROR, system="laposta", times=times)
    with failing(fault) as sandbox, call_laposta(sandbox) as laposta:
        statuses = [add(laposta, sandbox, "sam@thuis.example").status_code for _ in range(4)]

    assert statuses == [500] * times + [201] + [200] * (3 - times)


def test_a_dropped_request_is_not_handled(failing, call_laposta):
    fault = Fault(kind=FaultKind.DROPPED, system="laposta")
    with failing(fault) as sandbox, call_laposta(sandbox) as laposta:
        with pytest.raises(httpx.RemoteProtocolError):
            add(laposta, sandbox, "sam@thuis.example")

        assert sandbox.laposta.subscribers(sandbox.environment["LAPOSTA_LIST"]) == []
        assert add(laposta, sandbox, "sam@thuis.example").status_code == 201


def test_a_lost_answer_was_handled(failing, call_rondo):
    fault = Fault(kind=FaultKind.LOST, system="rondo-club", method="POST")
    with failing(fault) as sandbox, call_rondo(sandbox) as rondo:
        with pytest.raises(httpx.RemoteProtocolError):
            rondo.post("/wp/v2/people", json={"acf": NAMES})

        assert [person["title"] for person in sandbox.rondo_club.persons()] == [{"rendered": "Fenna Voorbeeld"}]


def test_a_slow_answer_comes_after_all(failing, call_laposta):
    fault = Fault(kind=FaultKind.SLOW, system="laposta", seconds=0.1)
    with failing(fault) as sandbox, call_laposta(sandbox) as laposta:
        started = time.monotonic()

        assert add(laposta, sandbox, "sam@thuis.example").status_code == 201
        assert time.monotonic() - started >= 0.1


def test_a_slow_answer_keeps_nobody_else_waiting(failing, call_laposta, call_rondo):
    fault = Fault(kind=FaultKind.SLOW, system="laposta", seconds=3)
    with failing(fault) as sandbox, call_laposta(sandbox) as laposta, call_rondo(sandbox) as rondo:
        slow = Thread(target=add, args=(laposta, sandbox, "sam@thuis.example"))
        slow.start()

        assert rondo.get("/wp/v2/people").status_code == 200
        assert slow.is_alive()
        slow.join()


def test_a_caller_may_leave_before_a_slow_answer(failing, call_laposta):
    fault = Fault(kind=FaultKind.SLOW, system="laposta", seconds=60)
    with failing(fault) as sandbox, call_laposta(sandbox) as laposta:
        laposta.timeout = httpx.Timeout(60, read=0.05)

        with pytest.raises(httpx.ReadTimeout):
            add(laposta, sandbox, "sam@thuis.example")


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault(kind=FaultKind.REFUSED, system="rondo-club", times=None), 400, "rest_invalid_param"),
        (Fault(kind=FaultKind.SERVER_ERROR, system="rondo-club", times=None), 500, "internal_server_error"),
        (Fault(kind=FaultKind.TOO_MANY_REQUESTS, system="rondo-club", times=None), 429, "rate_limit_exceeded"),
    ],
)
def test_rondo_club_words_its_errors_itself(failing, call_rondo, fault, status, code):
    with failing(fault) as sandbox, call_rondo(sandbox) as rondo:
        answers = [rondo.put("/wp/v2/people/99", json={"acf": NAMES}) for _ in range(3)]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(status, code)}


def test_a_refused_member_is_refused_on_every_list_and_every_time(failing, call_laposta):
    fault = Fault(kind=FaultKind.REFUSED, system="laposta", subject="sam@*", times=None)
    with failing(fault) as sandbox, call_laposta(sandbox) as laposta:
        lists = sandbox.laposta.list_ids
        refused = [add(laposta, sandbox, "sam@thuis.example", list_id=list_id) for list_id in lists * 2]
        other = add(laposta, sandbox, "fenna@thuis.example")

    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in refused} == {(400, 999)}
    assert other.status_code == 201


def test_rondo_club_refuses_a_photo_and_nothing_else(failing, call_rondo):
    fault = Fault(kind=FaultKind.REFUSED, system="rondo-club", path="*/photo", subject="QXZT41P", times=None)
    with failing(fault) as sandbox, call_rondo(sandbox) as rondo:
        person_id = rondo.post("/wp/v2/people", json={"acf": {**NAMES, "knvb-id": "QXZT41P"}}).json()["id"]
        files = {"file": ("a.png", make_png("a"), "image/png")}
        refused = rondo.post(f"/rondo/v1/people/{person_id}/photo", files=files)

        assert (refused.status_code, refused.json()["code"]) == (400, "rest_upload_unknown_error")
        assert sandbox.rondo_club.photos() == {}


def test_a_refused_photo_is_cut_short(failing):
    fault = Fault(kind=FaultKind.REFUSED, system="sportlink", path="/photos/*", times=None)
    with failing(fault) as sandbox:
        answer = httpx.get(f"{sandbox.environment['SPORTLINK_URL']}/photos/QXZT41P", trust_env=False)

    assert (answer.status_code, answer.headers["content-type"], len(answer.content)) == (200, "image/jpeg", 3)


def test_sportlink_fails_with_pages(failing):
    rules = (
        Fault(kind=FaultKind.SERVER_ERROR, system="sportlink", path="/photos/A"),
        Fault(kind=FaultKind.TOO_MANY_REQUESTS, system="sportlink", path="/photos/B", seconds=1),
        Fault(kind=FaultKind.REFUSED, system="sportlink", path="/auth/*", times=None),
    )
    with failing(*rules) as sandbox, httpx.Client(base_url=sandbox.environment["SPORTLINK_URL"], trust_env=False) as browser:
        answers = [browser.get(path) for path in ("/photos/A", "/photos/B", "/auth/realms/sportlink/login")]
        answers.append(browser.post("/auth/realms/sportlink/login-actions/authenticate"))

    assert [(answer.status_code, answer.headers.get("Retry-After")) for answer in answers] == [
        (500, None),
        (429, "1"),
        (403, None),
        (422, None),
    ]


@pytest.mark.parametrize(
    ("kind", "status", "retry_after"),
    [(FaultKind.SERVER_ERROR, 500, None), (FaultKind.TOO_MANY_REQUESTS, 429, "2"), (FaultKind.REFUSED, 403, None)],
)
def test_nikki_fails_with_pages(failing, kind, status, retry_after):
    with failing(Fault(kind=kind, system="nikki", seconds=2)) as sandbox:
        answer = httpx.get(sandbox.environment["NIKKI_URL"], trust_env=False)

    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, retry_after)


@pytest.mark.parametrize(
    ("kind", "status", "retry_after", "code"),
    [
        (FaultKind.SERVER_ERROR, 500, None, "INTERNAL_SERVER_ERROR"),
        (FaultKind.TOO_MANY_REQUESTS, 429, "2", "TOO_MANY_REQUESTS"),
        (FaultKind.REFUSED, 400, None, "BAD_REQUEST"),
    ],
)
def test_freescout_fails_with_codes(failing, kind, status, retry_after, code):
    with failing(Fault(kind=kind, system="freescout", seconds=2)) as sandbox:
        headers = {"X-FreeScout-API-Key": sandbox.environment["FREESCOUT_API_KEY"]}
        answer = httpx.get(f"{sandbox.environment['FREESCOUT_BASE_URL']}/api/customers", headers=headers, trust_env=False)

    assert (answer.status_code, answer.headers.get("Retry-After"), answer.json()["errorCode"]) == (status, retry_after, code)


def test_a_customer_is_struck_by_address_however_it_is_named(failing):
    fault = Fault(kind=FaultKind.REFUSED, system="freescout", subject="fenna@thuis.example", times=None)
    email = {"value": "Fenna@thuis.example", "type": "home"}
    with failing(fault) as sandbox:
        customer_id = sandbox.freescout.add_customer("Fenna", "fenna@thuis.example")
        other_id = sandbox.freescout.add_customer("Bo", "bo@thuis.example")
        headers = {"X-FreeScout-API-Key": sandbox.environment["FREESCOUT_API_KEY"]}
        url = f"{sandbox.environment['FREESCOUT_BASE_URL']}/api"
        with httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
            answers = [
                client.get("/customers", params={"email": "fenna@thuis.example"}),
                client.post("/customers", json={"firstName": "Fenna", "emails": [email]}),
                client.delete(f"/customers/{customer_id}"),
                client.delete(f"/customers/{other_id}"),
            ]

    assert [answer.status_code for answer in answers] == [400, 400, 400, 204]


def test_a_post_is_struck_by_its_title(failing):
    fault = Fault(kind=FaultKind.REFUSED, system="rondo-club", subject="JO17-1", times=None)
    with failing(fault) as sandbox:
        auth = (sandbox.environment["RONDO_USERNAME"], sandbox.environment["RONDO_APP_PASSWORD"])
        url = f"{sandbox.environment['RONDO_URL']}/wp-json/wp/v2/teams"
        answers = [httpx.post(url, json={"title": title}, auth=auth, trust_env=False) for title in ("JO17-1", "JO17-2")]

    assert [answer.status_code for answer in answers] == [400, 201]


def test_a_caller_who_may_not_come_in_meets_no_fault(failing):
    fault = Fault(kind=FaultKind.SERVER_ERROR, system="laposta", times=None)
    with failing(fault) as sandbox:
        answer = httpx.get(f"{sandbox.environment['LAPOSTA_URL']}/v2/member", trust_env=False)

    assert answer.status_code == 401


def test_a_share_of_the_members_is_struck_whatever_the_order(failing, call_laposta):
    fault = Fault(kind=FaultKind.SERVER_ERROR, system="laposta", share=0.1)
    with failing(fault) as sandbox, call_laposta(sandbox) as laposta:
        forward = struck(laposta, sandbox, ADDRESSES)
    with failing(fault, directory="other") as sandbox, call_laposta(sandbox) as laposta:
        backward = struck(laposta, sandbox, reversed(ADDRESSES))
    with failing(fault, directory="third") as sandbox, call_laposta(sandbox) as laposta, ThreadPoolExecutor(8) as pool:
        at_once = set().union(*pool.map(lambda email: struck(laposta, sandbox, [email]), ADDRESSES))

    assert forward == backward == at_once
    assert 5 < len(forward) < 40


def test_another_seed_strikes_others(failing, call_laposta):
    fault = Fault(kind=FaultKind.SERVER_ERROR, system="laposta", share=0.1, times=None)
    found = []
    for seed in (1, 2):
        with failing(fault, seed=seed) as sandbox, call_laposta(sandbox) as laposta:
            found.append(struck(laposta, sandbox, ADDRESSES))

    assert found[0] != found[1]


def test_a_person_is_known_by_knvb_id_whatever_the_number_of_the_post(failing, call_rondo):
    fault = Fault(kind=FaultKind.SERVER_ERROR, system="rondo-club", method="PUT", subject="QXZT41P")
    with failing(fault) as sandbox, call_rondo(sandbox) as rondo:
        ids = [
            rondo.post("/wp/v2/people", json={"acf": {**NAMES, "knvb-id": knvb_id}}).json()["id"]
            for knvb_id in ("ABCD12X", "QXZT41P")
        ]
        statuses = [rondo.put(f"/wp/v2/people/{person_id}", json={"acf": NAMES}).status_code for person_id in ids]

    assert statuses == [200, 500]


def test_the_first_rule_that_strikes_counts(failing, call_laposta):
    rules = (
        Fault(kind=FaultKind.SERVER_ERROR, system="laposta"),
        Fault(kind=FaultKind.TOO_MANY_REQUESTS, system="laposta"),
    )
    with failing(*rules) as sandbox, call_laposta(sandbox) as laposta:
        statuses = [add(laposta, sandbox, "sam@thuis.example").status_code for _ in range(3)]

    assert statuses == [500, 429, 201]


def test_nothing_goes_wrong_when_nothing_should():
    assert Faults.none().rules == ()


def test_what_a_demo_refuses_stays_refused_and_all_else_passes():
    assert {fault.times for fault in Faults.demo().rules if fault.kind is FaultKind.REFUSED} == {None}
    assert {fault.times for fault in Faults.demo().rules if fault.kind is not FaultKind.REFUSED} == {1}
    assert all(fault.seconds <= 1 for fault in Faults.demo().rules)
