"""Preparing and submitting the Laposta lists."""

from dataclasses import replace

import pytest

from pipelines.errors import EmptyDownloadError, LapostaError
from pipelines.result import ErrorRecord
from pipelines.result.people import PreparedList, PrepareResult, SubmitResult, SubmittedList
from pipelines.sandbox import Fault, FaultKind
from pipelines.systems import Systems
from tests.pipelines.steps.filled import download_members, prepare_subscribers, submit_subscribers, sync_persons

UPSERT = "POST /v2/member"
RONDO_IS_DOWN = Fault(kind=FaultKind.SERVER_ERROR, system="rondo-club", times=None)
BO_IS_REFUSED = Fault(kind=FaultKind.REFUSED, system="laposta", subject="bo@x.example", times=None)
ANNE = {"PublicPersonId": "A1", "FirstName": "Anne", "Email": "anne@x.example"}
BO = {"PublicPersonId": "B2", "FirstName": "Bo", "Email": "bo@x.example"}


def prepare(systems):
    download_members(systems)
    return prepare_subscribers(systems)


def lists(systems, *counts):
    """The results of the lists, from (total, added, updated) of each; a list that is not named is empty."""
    padded = [*counts, *[(0, 0, 0)] * (4 - len(counts))]
    return SubmitResult(
        lists=[
            SubmittedList(index=index, list_id=list_id, total=total, created=added, updated=updated)
            for index, (list_id, (total, added, updated)) in enumerate(
                zip(systems.settings.laposta.list_ids, padded, strict=True), start=1
            )
        ]
    )


def with_list_ids(systems, *list_ids):
    laposta = replace(systems.settings.laposta, list_ids=list_ids)
    return replace(systems, settings=replace(systems.settings, laposta=laposta))


def test_prepare_tells_what_each_list_has_and_what_is_new(systems, club):
    family = [{**ANNE, "PublicPersonId": f"M{n}"} for n in range(5)]
    club(*family, BO)

    assert prepare(systems) == PrepareResult(
        lists=[
            PreparedList(index=1, total=2, updates=2),
            PreparedList(index=2, total=1, updates=1),
            PreparedList(index=3, total=1, updates=1),
            PreparedList(index=4, total=1, updates=1),
        ],
        excluded=1,
    )


def test_what_was_prepared_is_at_laposta_after_submit(systems, club, club_sandbox):
    club(ANNE, {**BO, "Email": "ANNE@x.example "})
    prepare(systems)

    result = submit_subscribers(systems)

    assert result == lists(systems, (1, 1, 0), (1, 1, 0))
    shown = [
        [(one["email"], one["custom_fields"]) for one in club_sandbox.laposta.subscribers(list_id)]
        for list_id in systems.settings.laposta.list_ids
    ]
    first = {"voornaam": "Anne", "relatiecode": "A1", "huidigvrijwilliger": "0"}
    second = {"voornaam": "Bo", "relatiecode": "B2", "huidigvrijwilliger": "0"}
    assert shown == [[("anne@x.example", first)], [("anne@x.example", second)], [], []]


def test_a_second_run_sends_nothing_and_a_changed_field_sends_one_request(systems, club, writes):
    club(ANNE, BO)
    prepare(systems)
    submit_subscribers(systems)
    assert writes() == [UPSERT, UPSERT]

    prepare(systems)
    assert submit_subscribers(systems) == lists(systems, (2, 0, 0))
    assert writes() == []

    club({**ANNE, "City": "Testdorp"}, BO)
    prepare(systems)
    assert submit_subscribers(systems) == lists(systems, (2, 0, 1))
    assert writes() == [UPSERT]


def test_force_sends_what_laposta_knows_already(systems, club):
    club(ANNE, BO)
    prepare(systems)
    submit_subscribers(systems)

    assert submit_subscribers(systems, force=True) == lists(systems, (2, 0, 2))


@pytest.mark.parametrize("club_sandbox", [[BO_IS_REFUSED]], indirect=True, ids=["bo-is-refused"])
def test_a_subscriber_that_is_refused_is_a_failure_and_is_tried_again(systems, club):
    club(ANNE, BO)
    prepare(systems)

    results = [submit_subscribers(systems) for _ in range(2)]

    [failure] = results[0].failures
    assert failure == ErrorRecord(email="bo@x.example", message=failure.text)
    assert failure.text.startswith("laposta: upsert subscriber B2: 400, ")
    assert [(result.created, result.updated, result.failed) for result in results] == [(1, 0, 1), (0, 0, 1)]


def test_a_list_without_an_id_is_not_used(systems, club, writes):
    club(ANNE)
    prepare(systems)

    result = submit_subscribers(with_list_ids(systems, None, "x", None, None))

    assert result.lists[0] == SubmittedList(index=1, list_id=None)
    assert writes() == []


def test_a_list_that_takes_the_place_of_another_is_told_everything(systems, club):
    first, second, *_ = systems.settings.laposta.list_ids
    club(ANNE)
    prepare(systems)
    submit_subscribers(systems)

    result = submit_subscribers(with_list_ids(systems, second, first, None, None))

    assert (result.created, result.updated) == (1, 0)


def test_a_key_that_is_refused_ends_the_step(systems, club):
    club(ANNE, BO)
    prepare(systems)
    settings = replace(systems.settings, laposta=replace(systems.settings.laposta, api_key="wrong"))

    with Systems.open(settings) as refused, pytest.raises(LapostaError, match="401"):
        submit_subscribers(refused)


def test_a_download_in_which_nobody_has_an_address_is_refused_and_the_lists_stay(systems, club):
    club(ANNE)
    prepare(systems)
    club({**ANNE, "Email": None})

    with pytest.raises(EmptyDownloadError, match="sportlink: download addresses: none received"):
        prepare(systems)

    assert systems.state.laposta.count_subscribers(1) == 1


def test_a_new_volunteer_is_told_to_laposta_though_the_member_did_not_change(systems, club, club_sandbox, writes):
    club(ANNE, BO)
    prepare(systems)
    submit_subscribers(systems)
    sync_persons(systems)
    writes()
    # Rondo Club works the flag out; saving the person is what the club does about it.
    club_sandbox.club.volunteers.add("B2")
    bo = next(person for person in club_sandbox.rondo_club.persons() if person["acf"]["knvb-id"] == "B2")
    systems.rondo_club.update_person(bo["id"], {"acf": {"first_name": "Bo", "last_name": ""}})
    writes()

    prepare(systems)
    result = submit_subscribers(systems)

    assert result == lists(systems, (2, 0, 1))
    [subscriber] = [
        one for one in club_sandbox.laposta.subscribers(result.lists[0].list_id or "") if one["email"] == "bo@x.example"
    ]
    assert subscriber["custom_fields"]["huidigvrijwilliger"] == "1"


@pytest.mark.parametrize("club_sandbox", [[RONDO_IS_DOWN]], indirect=True, ids=["rondo-is-down"])
def test_without_rondo_club_the_volunteers_are_those_of_the_last_time_and_the_step_says_so(systems, club, caplog):
    club(ANNE)

    result = prepare(systems)

    assert (result.created, result.failed) == (1, 1)
    [failure] = result.failures
    assert (failure.identifier, failure.system) == (None, "rondoClub")
    line = "the volunteers are those of the last time: rondo-club: list people: 500"
    assert line in caplog.messages


# ------------------------------------------------------------------------------------------------ what was emptied


def sent_forms(sandbox):
    return [one.body for one in sandbox.requests if one.system == "laposta" and one.method == "POST"]


def test_a_field_that_was_emptied_in_sportlink_is_emptied_once(systems, club, club_sandbox):
    club({**ANNE, "Mobile": "06-1", "UnionTeams": "JO14-1"}, BO)
    prepare(systems)
    submit_subscribers(systems)
    before = len(sent_forms(club_sandbox))

    for _ in range(2):
        club({**ANNE, "Mobile": "", "UnionTeams": ""}, BO)
        prepare(systems)
        submit_subscribers(systems)

    [form] = sent_forms(club_sandbox)[before:]
    assert (form["email"], form["custom_fields[mobielnummer]"], form["custom_fields[team]"]) == ("anne@x.example", "", "")
    assert form["custom_fields[voornaam]"] == "Anne"


def test_an_address_that_was_emptied_in_sportlink_is_forgotten_here_and_left_alone_there(systems, club, club_sandbox):
    club(ANNE, BO)
    prepare(systems)
    submit_subscribers(systems)
    before = len(sent_forms(club_sandbox))

    club({**ANNE, "Email": ""}, BO)
    prepare(systems)

    assert submit_subscribers(systems) == lists(systems, (1, 0, 0))
    assert sent_forms(club_sandbox)[before:] == []
