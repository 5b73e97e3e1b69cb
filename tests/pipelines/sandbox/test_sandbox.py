"""The sandbox as a whole: what it gives, what it keeps, who may have it."""

import contextlib
import copy
import json
import logging
import os
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from pipelines.errors import AlreadyRunningError
from pipelines.sandbox import Received, SandboxError, Upload, advance, reset, running
from pipelines.sandbox.images import make_png

URLS = ("SPORTLINK_URL", "LAPOSTA_URL", "RONDO_URL", "NIKKI_URL", "FREESCOUT_BASE_URL")
NAMES = {"first_name": "Fenna", "last_name": "Voorbeeld"}
DAY_S = 86_400
FORM = {"ip": "3.3.3.3", "email": "fenna@thuis.example", "custom_fields[voornaam]": "Fenna"}


def test_the_environment_holds_every_setting(sandbox, tmp_path):
    environment = dict(sandbox.environment)
    urls = [environment.pop(name) for name in URLS]
    secrets = ["SPORTLINK_PASSWORD", "SPORTLINK_OTP_SECRET", "LAPOSTA_API_KEY", "RONDO_APP_PASSWORD"]
    secrets += ["NIKKI_PASSWORD", "NIKKI_OTP_SECRET", "FREESCOUT_API_KEY"]
    secrets += ["LAPOSTA_LIST", "LAPOSTA_LIST2", "LAPOSTA_LIST3", "LAPOSTA_LIST4"]

    assert {urlsplit(url).hostname for url in urls} == {"127.0.0.1"}
    assert len({environment.pop(name) for name in secrets}) == len(secrets) == 11
    assert environment == {
        "SYNC_STATE_DIR": str(tmp_path / "state"),
        "SYNC_PHOTO_DIR": str(tmp_path / "photos"),
        "SYNC_RETRY_WAIT_S": "0.02",
        "PHOTO_DELAY_S": "0",
        "SPORTLINK_USERNAME": "sync@voorbeeldclub.example",
        "SPORTLINK_DELAY_S": "0",
        "LAPOSTA_DELAY_S": "0",
        "RONDO_USERNAME": "sportlink-sync",
        "RONDO_PARENT_TYPE": "2",
        "RONDO_CHILD_TYPE": "3",
        "NIKKI_DELAY_S": "0",
        "NIKKI_USERNAME": "penningmeester",
        "FREESCOUT_FIELD_UNION_TEAMS": "1",
        "FREESCOUT_FIELD_PUBLIC_PERSON_ID": "4",
        "FREESCOUT_FIELD_MEMBER_SINCE": "5",
        "FREESCOUT_FIELD_NIKKI_SALDO": "7",
        "FREESCOUT_FIELD_NIKKI_STATUS": "8",
    }


def test_every_request_is_noted_with_its_body_and_answer(sandbox, laposta, rondo):
    list_id = sandbox.environment["LAPOSTA_LIST"]
    photo = make_png("a")
    httpx.get(f"{sandbox.environment['SPORTLINK_URL']}/", trust_env=False)
    laposta.post("/member", data={**FORM, "list_id": list_id})
    laposta.get("/field", params={"list_id": "x"})
    rondo.post("/wp/v2/people", json={"acf": NAMES})
    rondo.post("/rondo/v1/people/2001/photo", files={"file": ("a.png", photo, "image/png")})

    people = "/wp-json/wp/v2/people"
    photo_path = "/wp-json/rondo/v1/people/2001/photo"
    file = {"file": Upload(filename="a.png", content_type="image/png", content=photo)}
    form = {**FORM, "list_id": list_id}
    assert sandbox.requests == [
        Received(system="sportlink", method="GET", path="/", query={}, body=None, status=302),
        Received(system="laposta", method="POST", path="/v2/member", query={}, body=form, status=201),
        Received(system="laposta", method="GET", path="/v2/field", query={"list_id": "x"}, body=None, status=400),
        Received(system="rondo-club", method="POST", path=people, query={}, body={"acf": NAMES}, status=201),
        Received(system="rondo-club", method="POST", path=photo_path, query={}, body=file, status=200),
    ]


def test_what_the_systems_hold_is_there_the_next_time(tmp_path, call_laposta, call_rondo):
    with running(tmp_path, members=5) as sandbox, call_laposta(sandbox) as laposta, call_rondo(sandbox) as rondo:
        laposta.post("/member", data={**FORM, "list_id": sandbox.environment["LAPOSTA_LIST"]})
        rondo.post("/wp/v2/people", json={"status": "publish", "acf": NAMES})
        rondo.post("/rondo/v1/people/2001/photo", files={"file": ("a.png", make_png("a"), "image/png")})
        sandbox.club.members[0]["City"] = "Elders"
        before = _contents(sandbox)

    with running(tmp_path, members=5) as sandbox:
        assert _contents(sandbox) == before
        assert sandbox.club.members[0]["City"] == "Elders"
        assert sandbox.requests == []


def _contents(sandbox):
    lists = [sandbox.laposta.subscribers(list_id) for list_id in sandbox.laposta.list_ids]
    return sandbox.club, lists, sandbox.rondo_club.persons(), sandbox.rondo_club.photos()


def test_what_was_answered_survives_a_killed_process(tmp_path, call_rondo):
    program = textwrap.dedent("""
        import json, sys, time
        from pathlib import Path
        from pipelines.sandbox import running
        with running(Path(sys.argv[1]), members=5) as sandbox:
            print(json.dumps(dict(sandbox.environment)), flush=True)
            time.sleep(60)
    """)
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        environment = json.loads(process.stdout.readline())
        auth = (environment["RONDO_USERNAME"], environment["RONDO_APP_PASSWORD"])
        url = f"{environment['RONDO_URL']}/wp-json/wp/v2/people"
        with httpx.Client(auth=auth, trust_env=False) as rondo:
            created = [rondo.post(url, json={"status": "publish", "acf": NAMES}).json() for _ in range(20)]
        process.kill()

    with running(tmp_path, members=5) as sandbox:
        assert sandbox.rondo_club.persons() == created


def test_a_site_that_is_new_knows_some_parents_and_the_volunteers_already(tmp_path, call_rondo):
    with running(tmp_path, members=300) as sandbox, call_rondo(sandbox) as rondo:
        persons = sandbox.rondo_club.persons()
        email = persons[0]["acf"]["contact_info"][0]["contact_value"]
        found = rondo.get("/rondo/v1/people/find-by-email", params={"email": email}).json()

        assert (found, persons[0]["acf"]["knvb-id"]) == ({"id": persons[0]["id"]}, "")
        assert email in {member["EmailAddressParent1"] for member in sandbox.club.members}
        rondo.delete(f"/wp/v2/people/{persons[0]['id']}", params={"force": "true"})

    with running(tmp_path, members=300) as sandbox:
        assert sandbox.rondo_club.persons() == persons[1:]


def test_a_site_that_is_new_knows_the_volunteers(tmp_path):
    with running(tmp_path, members=300) as sandbox:
        persons = [person["acf"] for person in sandbox.rondo_club.persons() if person["acf"]["knvb-id"]]

        assert {person["knvb-id"] for person in persons} == sandbox.club.volunteers
        assert {person["huidig-vrijwilliger"] for person in persons} == {"1"}


def test_two_sandboxes_cannot_share_a_directory(sandbox, tmp_path):
    assert sandbox.requests == []

    with pytest.raises(AlreadyRunningError, match=rf"^{tmp_path} is in use by process {os.getpid()} \("):
        running(tmp_path, members=40).__enter__()


def test_two_sandboxes_run_side_by_side_in_directories_of_their_own(sandbox, tmp_path):
    with running(tmp_path / "other", members=5, seed=2) as other:
        shared = set(other.environment.items()) & set(sandbox.environment.items())

    assert {name for name, _ in shared if "PASSWORD" in name or "KEY" in name or "SECRET" in name} == set()


def test_a_directory_gives_the_club_that_it_has_when_no_other_is_asked_for(tmp_path):
    with running(tmp_path, members=5, seed=7) as sandbox:
        club = sandbox.club

    with running(tmp_path) as sandbox:
        assert sandbox.club == club


def test_a_new_club_has_1069_members_when_nothing_else_is_asked_for(tmp_path):
    with running(tmp_path) as sandbox:
        assert (sandbox.club.size, sandbox.club.seed, len(sandbox.club.members)) == (1069, 1, 1069)


@pytest.mark.parametrize("other", [{"members": 6}, {"seed": 2}])
def test_a_directory_keeps_the_club_that_it_has(tmp_path, other):
    with running(tmp_path, members=5):
        pass

    with pytest.raises(SandboxError, match=r"holds a club of 5 members made with seed 1, not"):
        running(tmp_path, **{"members": 5, **other}).__enter__()


def test_ports_can_be_fixed(tmp_path):
    first = first_of_free_ports(5)
    with socket.create_server(("127.0.0.1", first + 1)), pytest.raises(SandboxError, match=f"listen on ports from {first}"):
        running(tmp_path, members=5, port_base=first).__enter__()

    with running(tmp_path, members=5, port_base=first) as sandbox:
        assert [sandbox.environment[name] for name in URLS] == [f"http://127.0.0.1:{first + index}" for index in range(5)]


def first_of_free_ports(count):
    """Below those that the kernel gives to whoever asks for any."""
    for first in range(20_000 + os.getpid() % 1_000 * count, 32_000, count):  # others who run these tests begin elsewhere
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in range(first, first + count):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            return first
    raise AssertionError("no free ports")


def test_a_sandbox_stops_whole_and_leaves_no_thread(tmp_path):
    threads = threading.active_count()
    with running(tmp_path, members=5) as sandbox:
        url = sandbox.environment["SPORTLINK_URL"]
        with httpx.Client(trust_env=False) as browser:
            browser.get(url)

    assert threading.active_count() == threads
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_a_sandbox_stops_while_somebody_is_still_connected(tmp_path):
    with httpx.Client(trust_env=False) as browser, running(tmp_path, members=5) as sandbox:
        browser.get(sandbox.environment["SPORTLINK_URL"])


def test_a_sandbox_stops_when_its_block_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), running(tmp_path, members=5):
        raise ZeroDivisionError

    with running(tmp_path, members=5) as sandbox:
        assert len(sandbox.club.members) == 5


def test_a_sandbox_says_nothing(tmp_path, caplog, capfd):
    caplog.set_level(logging.INFO)
    with running(tmp_path, members=5) as sandbox:
        httpx.get(sandbox.environment["SPORTLINK_URL"], trust_env=False)

    assert [record for record in caplog.records if not record.name.startswith("http")] == []
    assert tuple(capfd.readouterr()) == ("", "")


def test_a_reset_deletes_what_the_sandbox_made_and_nothing_else(tmp_path):
    directory = tmp_path / "sandbox"
    with running(directory, members=5) as sandbox:
        for name in ("SYNC_STATE_DIR", "SYNC_PHOTO_DIR"):
            Path(sandbox.environment[name]).mkdir()
            Path(sandbox.environment[name], "kept").touch()
    mine = directory / "notes.txt"
    mine.touch()

    reset(directory)

    assert list(directory.iterdir()) == [mine]


def test_a_reset_leaves_no_empty_directory_behind(tmp_path):
    with running(tmp_path / "sandbox", members=5):
        pass

    reset(tmp_path / "sandbox")
    reset(tmp_path / "sandbox")

    assert list(tmp_path.iterdir()) == []


def test_a_running_sandbox_is_not_reset(sandbox, tmp_path):
    with pytest.raises(AlreadyRunningError, match="is in use by process"):
        reset(tmp_path)

    assert httpx.get(sandbox.environment["SPORTLINK_URL"], trust_env=False).status_code == 302


class TestAdvance:
    """Days go by at the club, whether its systems run or not."""

    def test_the_day_is_kept(self, tmp_path):
        with running(tmp_path, members=60) as sandbox:
            sandbox.advance(3)
            club = copy.deepcopy(sandbox.club)

        with running(tmp_path) as sandbox:
            assert (sandbox.club.day, sandbox.club) == (3, club)

    def test_days_go_by_one_by_one_or_together_alike(self, tmp_path, clock):
        with (
            running(tmp_path / "one", members=60, clock=clock) as one,
            running(tmp_path / "other", members=60, clock=clock) as other,
        ):
            clock.now -= 9 * DAY_S
            for _ in range(10):
                one.advance()
                clock.now += DAY_S
            clock.now -= DAY_S
            other.advance(10)

            assert one.club == other.club

    def test_the_last_day_is_today(self, tmp_path, clock):
        with running(tmp_path, members=300, clock=clock) as sandbox:
            sandbox.advance(5)

            stamps = {member["LastUpdate"] for member in sandbox.club.members if member["LastUpdate"] >= "2026-02-03"}
        assert stamps == {"2026-02-03", "2026-02-04", "2026-02-05", "2026-02-06", "2026-02-07"}

    def test_somebody_corrects_contact_details_by_hand(self, tmp_path, call_rondo):
        with running(tmp_path, members=300) as sandbox, call_rondo(sandbox) as rondo:
            for member in sandbox.club.members[:40]:
                acf = {**NAMES, "knvb-id": member["PublicPersonId"] or ""}
                rondo.post("/wp/v2/people", json={"status": "publish", "acf": acf})
            before = {person["id"]: person["acf"] for person in sandbox.rondo_club.persons()}
            sandbox.advance(60)
            after = {person["id"]: person["acf"] for person in sandbox.rondo_club.persons()}

        corrected = [after[key] for key, acf in before.items() if acf["contact_info"] != after[key]["contact_info"]]
        assert 1 <= len(corrected) < 20
        assert all(acf["knvb-id"] for acf in corrected)
        assert {row["contact_type"] for acf in corrected for row in acf["contact_info"]} <= {"email", "mobile"}

    def test_a_directory_without_a_club_has_no_days(self, tmp_path):
        with pytest.raises(SandboxError, match=f"^{tmp_path} holds no club"):
            advance(tmp_path, 1)

    def test_nobody_may_use_the_directory_meanwhile(self, sandbox, tmp_path):
        with pytest.raises(AlreadyRunningError, match=f"^{tmp_path} is in use"):
            advance(tmp_path, 1)

        assert sandbox.club.day == 0
