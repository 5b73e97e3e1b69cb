"""Discipline cases become posts of Rondo Club."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import RondoClubError
from pipelines.result import ErrorRecord
from pipelines.result.discipline import CaseDownloadResult, CasesResult
from pipelines.sandbox import Fault, FaultKind
from pipelines.transform.discipline import read_case
from tests.pipelines.steps.filled import download_cases, sync_cases

CASES = "wp/v2/discipline-cases"
ANNE = {"PublicPersonId": "A1", "FirstName": "Anne", "LastName": "Aker"}


def case(dossier_id="T-1", knvb_id="A1", **fields):
    return {
        "DossierId": dossier_id,
        "PublicPersonId": knvb_id,
        "MatchDate": "2026-01-17",
        "MatchDescription": "Testclub 3 - FC Elders 2",
        "AdministrativeFee": 25.0,
        "IsCharged": False,
        **fields,
    }


def body(person_id, term_id, dossier_id="T-1", **fields):
    acf = {
        "dossier_id": dossier_id,
        "person": person_id,
        "match_date": "20260117",
        "processing_date": "",
        "match_description": "Testclub 3 - FC Elders 2",
        "team_name": "",
        "charge_description": "",
        "sanction_description": "",
        "charge_codes": "",
        "administrative_fee": 25.0,
        **fields,
    }
    title = "Anne Aker - Testclub 3 - FC Elders 2 - 2026-01-17"
    return {"title": title, "status": "publish", "seizoen": [term_id], "acf": acf}


def result(*failures, **counts):
    return CasesResult(**counts, failures=list(failures))


@pytest.fixture
def sync(systems, club_sandbox):
    """Runs both steps for a club with these cases."""

    def run(*cases, force=False):
        club_sandbox.club.cases[:] = cases
        return sync_cases(systems, download_cases(systems), force=force)

    return run


@pytest.fixture
def posts(club_sandbox):
    return lambda: {post["acf"]["dossier_id"]: post for post in club_sandbox.rondo_club.posts.all("discipline-cases")}


@pytest.fixture
def term_id(systems):
    return systems.rondo_club.season_term("2025-2026")


# ------------------------------------------------------------------------------------------------ what is written


def test_a_second_run_writes_nothing_and_a_changed_field_writes_one_request(sync, members, sent, posts, term_id):
    anne = members(ANNE)["A1"]
    sent()

    assert sync(case()) == result(total=1, created=1)
    assert sent() == [("POST", CASES, body(anne, term_id, is_charged=""))]

    assert sync(case()) == result(total=1, skipped=1)
    assert sent() == []

    assert sync(case(TeamName="Testclub 3")) == result(total=1, updated=1)
    assert sent() == [("PUT", f"{CASES}/{posts()['T-1']['id']}", body(anne, term_id, team_name="Testclub 3"))]


def test_dates_of_cases_are_written_without_hyphens(sync, members, posts):
    members(ANNE)

    sync(case(ProcessingDate="2026-01-20"))

    acf = posts()["T-1"]["acf"]
    assert (acf["match_date"], acf["processing_date"]) == ("20260117", "20260120")


def test_a_case_without_a_fee_is_taken(sync, members, posts):
    members(ANNE)

    assert sync(case(AdministrativeFee="")) == result(total=1, created=1)
    assert posts()["T-1"]["acf"]["administrative_fee"] is None


def test_what_the_club_decided_about_the_charge_is_not_overwritten(sync, members, systems, posts):
    members(ANNE)
    sync(case())
    systems.rondo_club.update_case(posts()["T-1"]["id"], {"acf": {"is_charged": "rondo"}})

    sync(case(TeamName="Testclub 3"))
    assert posts()["T-1"]["acf"]["is_charged"] == "rondo"

    sync(case(TeamName="Testclub 3", IsCharged=True))
    assert posts()["T-1"]["acf"]["is_charged"] == "sportlink"


def test_a_season_is_made_once_and_a_person_is_asked_for_its_name_once(sync, members, systems, club_sandbox):
    members(ANNE)
    before = len(club_sandbox.requests)

    sync(case(), case("T-2"), case("T-3", MatchDate="2026-08-01"))

    asked = [
        f"{one.method} {one.path.rpartition('/')[2]}" for one in club_sandbox.requests[before:] if one.system == "rondo-club"
    ]
    assert sorted(asked) == sorted(
        [
            f"GET {systems.state.rondo.person_ids()['A1']}",
            *["GET seizoen", "POST seizoen"] * 2,
            "GET discipline-cases",
            *["POST discipline-cases"] * 3,
        ]
    )
    assert [term["slug"] for term in club_sandbox.rondo_club.posts.terms()] == ["2025-2026", "2026-2027"]


def test_a_case_without_a_match_date_or_a_person_waits(sync, members, sent):
    members(ANNE)
    sent()

    done = sync(case(MatchDate=None), case("T-2", "ELDERS9"), case("T-3", None))

    assert done == result(total=3, skipped=1, skipped_no_person=2)
    assert (done.linked, sent()) == (1, [])


def test_a_case_counts_as_received_even_without_a_key(systems, club_sandbox):
    club_sandbox.club.cases[:] = [case(), case(None)]

    assert download_cases(systems) == CaseDownloadResult(case_count=2)
    assert [one.dossier_id for one in systems.state.discipline.cases()] == ["T-1"]


def test_a_case_is_linked_when_its_person_comes_and_again_when_it_is_another(sync, members, systems, posts):
    assert sync(case()) == result(total=1, skipped_no_person=1)

    first = members(ANNE)["A1"]
    assert sync(case()) == result(total=1, created=1)
    systems.rondo_club.delete_person(first)
    second = members({**ANNE, "City": "Testdorp"})["A1"]

    assert sync(case()) == result(total=1, updated=1)
    assert posts()["T-1"]["acf"]["person"] == second


def test_a_case_that_was_deleted_by_hand_is_created_again_when_it_is_written(sync, members, systems, posts):
    members(ANNE)
    sync(case())
    systems.rondo_club.delete_case(posts()["T-1"]["id"])

    assert sync(case(), force=True) == result(total=1, created=1)
    assert list(posts()) == ["T-1"]


def test_a_person_that_is_found_gone_is_no_failure(sync, members, systems):
    systems.rondo_club.delete_person(members(ANNE)["A1"])

    assert sync(case(), case("T-2")) == result(total=2, skipped_no_person=2)


@pytest.mark.parametrize(
    "club_sandbox",
    [
        [
            Fault(
                kind=FaultKind.REFUSED,
                system="rondo-club",
                method="POST",
                path=f"/wp-json/{CASES}",
                subject="*2026-01-18",
                times=None,
            )
        ]
    ],
    indirect=True,
    ids=["second-is-refused"],
)
def test_a_case_that_is_refused_is_a_failure_and_the_others_go_on(sync, members):
    members(ANNE)

    done = sync(case(), case("T-2", MatchDate="2026-01-18"))

    [failure] = done.failures
    assert failure == ErrorRecord(dossier_id="T-2", message=failure.text, system="discipline-sync")
    assert done == result(failure, total=2, created=1)


@pytest.mark.parametrize(
    "club_sandbox",
    [[Fault(kind=FaultKind.LOST, system="rondo-club", method="POST", path=f"/wp-json/{CASES}", share=1, times=1)]],
    indirect=True,
    ids=["answer-is-lost"],
)
def test_a_case_whose_creation_was_not_answered_is_found_by_the_next_run(sync, members, posts, club_sandbox):
    members(ANNE)

    first, second = sync(case()), sync(case())

    assert (first.created, first.failed) == (0, 1)
    assert second == result(total=1, updated=1)
    assert len(club_sandbox.rondo_club.posts.all("discipline-cases")) == 1
    assert sync(case()) == result(total=1, skipped=1)


@pytest.mark.parametrize(
    "club_sandbox",
    [[Fault(kind=FaultKind.SERVER_ERROR, system="rondo-club", method="GET", path=f"/wp-json/{CASES}", times=None)]],
    indirect=True,
    ids=["list-fails"],
)
def test_no_case_is_created_while_rondo_club_does_not_say_which_it_has(sync, members, sent):
    members(ANNE)
    sent()

    with pytest.raises(RondoClubError, match="list cases: 500"):
        sync(case())

    assert sent() == []


# ------------------------------------------------------------------------------------------------ cases that vanish


def test_a_case_that_vanished_is_trashed_and_announced_once(sync, members, sent, posts, club_sandbox):
    anne = members(ANNE)["A1"]
    sync(case(), case("T-2"))
    gone = posts()["T-1"]["id"]
    sent()

    assert sync(case("T-2")) == result(total=1, skipped=1, dismissed=1)
    content = "Tuchtzaak T-1 staat niet meer in Sportlink en is verwijderd: controleer de zaak."
    assert sent() == [("DELETE", f"{CASES}/{gone}", None), ("POST", f"rondo/v1/people/{anne}/todos", {"content": content})]

    assert sync(case("T-2")) == result(total=1, skipped=1)
    assert sync(case("T-2"), force=True) == result(total=1, updated=1)
    assert (list(posts()), len(club_sandbox.rondo_club.todos())) == (["T-2"], 1)


def test_a_case_that_comes_back_has_a_post_again_and_may_vanish_again(sync, members, posts, club_sandbox):
    members(ANNE)
    sync(case(), case("T-2"))
    sync(case("T-2"))

    assert sync(case(), case("T-2")) == result(total=2, created=1, skipped=1)
    assert sorted(posts()) == ["T-1", "T-2"]
    assert sync(case("T-2")).dismissed == 1
    assert len(club_sandbox.rondo_club.todos()) == 2


def test_no_case_vanishes_in_an_empty_or_a_failed_download(sync, members, systems, sent):
    members(ANNE)
    sync(case(), case("T-2"))
    sent()

    assert sync() == result(total=2, skipped=2)
    systems.state.discipline.store_cases({"T-2": read_case(case("T-2"))})
    assert sync_cases(systems, CaseDownloadResult()) == result(total=1, skipped=1)
    assert sent() == []


def test_no_case_vanishes_when_all_of_them_would(sync, members, posts):
    members(ANNE)
    sync(case(), case("T-2"))

    done = sync(case("T-3"))

    [failure] = done.failures
    assert failure == ErrorRecord(message=failure.text, system="discipline-sync")
    assert done == result(failure, total=1, created=1)
    assert sorted(posts()) == ["T-1", "T-2", "T-3"]


def test_at_the_turn_of_the_season_the_cases_of_the_last_one_stay_without_a_failure(sync, members, posts, club_sandbox):
    members(ANNE)
    sync(case(), case("T-2"), case("T-3"))

    first = sync(case("T-4", MatchDate="2026-09-05"))
    second = sync(case("T-4", MatchDate="2026-09-05"), case("T-5", MatchDate="2026-09-12"))

    assert (first, second) == (result(total=1, created=1), result(total=2, created=1, skipped=1))
    assert sorted(posts()) == ["T-1", "T-2", "T-3", "T-4", "T-5"]
    assert club_sandbox.rondo_club.todos() == []


def test_a_case_vanishes_from_the_last_season_however_few_of_the_one_before_are_shown(sync, members, posts):
    members(ANNE)
    old = [case(f"T-{number}") for number in range(5)]
    new = [case(f"U-{number}", MatchDate="2026-09-05") for number in range(3)]
    sync(*old, *new)

    assert sync(old[0], *new[1:]) == result(total=3, skipped=3, dismissed=1)
    assert sorted(posts()) == ["T-0", "T-1", "T-2", "T-3", "T-4", "U-1", "U-2"]


def test_a_case_whose_person_is_gone_is_dismissed_without_a_word(sync, members, systems, posts, club_sandbox):
    anne = members(ANNE)["A1"]
    sync(case(), case("T-2"))
    systems.rondo_club.delete_person(anne)

    assert sync(case("T-2")).dismissed == 1
    assert (list(posts()), club_sandbox.rondo_club.todos()) == (["T-2"], [])


@pytest.mark.parametrize(
    "club_sandbox",
    [[Fault(kind=FaultKind.LOST, system="rondo-club", method="POST", path="*/todos", times=1)]],
    indirect=True,
    ids=["answer-is-lost"],
)
def test_a_case_that_vanished_is_not_announced_again_when_the_answer_was_lost(sync, members, posts, club_sandbox):
    members(ANNE)
    sync(case(), case("T-2"))

    first, second = sync(case("T-2")), sync(case("T-2"))

    [failure] = first.failures
    assert failure == ErrorRecord(dossier_id="T-1", message=failure.text, system="discipline-sync")
    assert second == result(total=1, skipped=1)
    assert (list(posts()), len(club_sandbox.rondo_club.todos())) == (["T-2"], 1)


@pytest.mark.parametrize(
    "club_sandbox",
    [[Fault(kind=FaultKind.REFUSED, system="rondo-club", method="POST", path="*/todos", times=1)]],
    indirect=True,
    ids=["todo-refused"],
)
def test_a_word_to_the_club_that_was_refused_is_given_by_the_next_run(sync, members, posts, club_sandbox):
    members(ANNE)
    sync(case(), case("T-2"))

    first, second, third = sync(case("T-2")), sync(case("T-2")), sync(case("T-2"))

    [failure] = first.failures
    assert failure == ErrorRecord(dossier_id="T-1", message=failure.text, system="discipline-sync")
    assert (second, third) == (result(total=1, skipped=1, dismissed=1), result(total=1, skipped=1))
    assert (list(posts()), len(club_sandbox.rondo_club.todos())) == (["T-2"], 1)


# ------------------------------------------------------------------------------------------------ change detection, as a law


def test_one_changed_field_of_one_case_is_one_request(sync, members, sent):
    members(ANNE)
    known = {key: case(key) for key in ("T-1", "T-2", "T-3")}
    sync(*known.values())

    @settings(max_examples=15)
    @given(st.sampled_from(sorted(known)), st.sampled_from(["TeamName", "SanctionDescription", "ChargeCodes"]), st.uuids())
    def change_one_field(dossier_id, field, value):
        known[dossier_id][field] = str(value)
        sent()

        done = [sync(*known.values()), sync(*known.values())]

        assert [(one.updated, one.skipped) for one in done] == [(1, 2), (0, 3)]
        assert [(method, body["acf"]["dossier_id"]) for method, _, body in sent()] == [("PUT", dossier_id)]

    change_one_field()
