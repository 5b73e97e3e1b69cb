"""What members do for the club, and what else their tabs say, is downloaded."""

from dataclasses import replace
from datetime import date

import pytest

from pipelines.errors import LoginError
from pipelines.result import ErrorRecord
from pipelines.result.functions import FunctionsDownloadResult
from pipelines.sandbox import Fault, FaultKind
from pipelines.sandbox.tasks import function, place
from pipelines.state import Place
from pipelines.steps.functions import Selection
from pipelines.systems import Systems
from tests.pipelines.steps.filled import download_functions

TODAY = date(2026, 2, 8)
EVERYONE = Selection(everyone=True)
ANNE = {"PublicPersonId": "A1", "LastUpdate": "2026-02-07"}
BO = {"PublicPersonId": "B2", "LastUpdate": "2026-01-01"}
CEES = {"PublicPersonId": "C3", "LastUpdate": None}
JEUGD = Place(knvb_id="B2", commissie="Jeugdcommissie", role="Lid", sportlink_id="", start_date="", is_active=True)


def fault(path, **more):
    return Fault(kind=FaultKind.SERVER_ERROR, system="sportlink", path=path, times=None, **more)


def download(systems, selection=EVERYONE):
    return download_functions(systems, selection, today=TODAY)


def looked_at(sandbox):
    return [one.query["PublicPersonId"] for one in sandbox.requests if one.path.endswith("/MemberFunctions")]


def places(systems):
    return [(one.knvb_id, one.commissie, one.role) for one in systems.state.functions.places()]


@pytest.fixture
def office(club_sandbox):
    """A club in which A1 has a function and B2 is in a committee."""
    club = club_sandbox.club
    club.functions |= {"A1": function("Voorzitter", "2020-01-01")}
    club.committees |= {"B2": [place("Jeugdcommissie", "Lid", "2021-01-01")]}
    club.free_fields |= {"A1": {"Remarks3": {"Value": "1042"}, "Remarks8": {"Value": "15-09-2024"}}}
    club.blocked.add("B2")
    return club


# ------------------------------------------------------------------------------------------------ everyone


def test_everyone_is_read_and_counted(systems, members, office):
    members(ANNE, BO, CEES)

    assert download(systems) == FunctionsDownloadResult(
        total=3, downloaded=2, functions_count=1, committees_count=1, is_complete=True, failures=[]
    )
    assert places(systems) == [("B2", "Jeugdcommissie", "Lid"), ("A1", "Verenigingsbreed", "Voorzitter")]
    assert systems.state.functions.free_fields() == {
        "A1": {"freescout-id": 1042, "datum-vog": "2024-09-15", "financiele-blokkade": False},
        "B2": {"financiele-blokkade": True},
        "C3": {"financiele-blokkade": False},
    }
    assert systems.state.functions.freescout_ids() == {"A1": 1042}


def test_the_financial_tab_is_looked_at_when_it_is_asked_for(systems, members, office, club_sandbox):
    members(ANNE)
    office.invoices["A1"] = {
        "Address": {"StreetName": "Factuurlaan", "AddressNumber": 7, "City": "Testdorp", "IsDefault": False},
        "PaymentInvoiceInformation": {"EmailAddress": "f@x.example", "ExternalInvoiceCode": None},
    }

    download(systems)
    assert not [one for one in club_sandbox.requests if one.path.endswith("/financial")]

    download(systems, Selection(everyone=True, with_invoice=True))
    fields = systems.state.functions.free_fields()["A1"]
    assert (fields["factuur-adres"], fields["factuur-email"]) == ("Factuurlaan 7, Testdorp", "f@x.example")

    download(systems)
    assert systems.state.functions.free_fields()["A1"] == fields


def test_a_full_download_replaces_what_was_known(systems, members, office):
    members(ANNE, BO)
    download(systems)

    office.committees.clear()
    download(systems)

    assert places(systems) == [("A1", "Verenigingsbreed", "Voorzitter")]


def test_a_full_download_without_any_place_replaces_nothing(systems, members, office):
    members(ANNE, BO)
    download(systems)
    before = places(systems)

    office.committees.clear()
    office.functions.clear()

    assert download(systems).downloaded == 0
    assert places(systems) == before


# ------------------------------------------------------------------------------------------------ items that fail


@pytest.mark.parametrize("club_sandbox", [[fault("*/MemberCommittees", subject="B2")]], indirect=True, ids=["b2"])
def test_a_member_that_fails_is_one_failure_and_keeps_what_was_known_of_it(systems, members, office, sent):
    members(ANNE, BO)
    known = [("B2", "Jeugdcommissie", "Voorzitter")]
    systems.state.functions._connection.execute(
        "INSERT INTO sportlink_member_functions VALUES ('B2', 'Jeugdcommissie', 'Voorzitter', '', '', 1)"
    )

    done = download(systems)

    [failure] = done.failures
    assert failure == ErrorRecord(knvb_id="B2", message=failure.text, system="functions-download")
    assert (done.total, done.downloaded, done.is_complete) == (2, 1, False)
    assert places(systems) == [*known, ("A1", "Verenigingsbreed", "Voorzitter")]


def test_a_member_of_whom_sportlink_does_not_say_keeps_its_places(systems, members, office, monkeypatch):
    members(ANNE, BO)
    told = {"A1": systems.sportlink.download_functions("A1"), "B2": ([], None)}
    monkeypatch.setattr(systems.sportlink, "download_functions", told.get)
    systems.state.functions.store([JEUGD], {})

    done = download(systems)

    assert (done.failures, done.is_complete) == ([], False)
    assert places(systems) == [("B2", "Jeugdcommissie", "Lid"), ("A1", "Verenigingsbreed", "Voorzitter")]


def test_nothing_is_stored_before_the_end(systems, members, office):
    members(ANNE, BO)
    download(systems)
    before = places(systems), systems.state.functions.free_fields()
    office.functions["B2"] = function("Secretaris", "2020-01-01")
    office.free_fields.clear()
    trigger = "CREATE TRIGGER no_more BEFORE UPDATE ON sportlink_member_free_fields BEGIN SELECT RAISE(ABORT, 'full'); END"
    systems.state.functions._connection.execute(trigger)

    with pytest.raises(Exception, match="full"):
        download(systems)

    assert (places(systems), systems.state.functions.free_fields()) == before


def test_a_login_that_fails_ends_the_step(systems, members, office, club_sandbox):
    members(ANNE)
    sportlink = replace(systems.settings.sportlink, password="wrong")

    with Systems.open(replace(systems.settings, sportlink=sportlink)) as locked_out, pytest.raises(LoginError):
        download(locked_out)


# ------------------------------------------------------------------------------------------------ recent members


def test_recent_members_and_those_of_an_unknown_date_are_read(systems, members, office, club_sandbox):
    members(ANNE, BO, CEES)

    download(systems, Selection())
    assert looked_at(club_sandbox) == ["A1", "C3"]

    download(systems, Selection(days=60))
    assert looked_at(club_sandbox)[2:] == ["A1", "B2", "C3"]


def test_volunteers_without_a_certificate_are_read_too(systems, members, office, club_sandbox):
    members(ANNE, BO)
    club_sandbox.club.volunteers.add("B2")

    download(systems, Selection())

    assert looked_at(club_sandbox) == ["A1", "B2"]


@pytest.mark.parametrize(
    "club_sandbox",
    [[Fault(kind=FaultKind.SERVER_ERROR, system="rondo-club", path="*/filtered", times=None)]],
    indirect=True,
    ids=["filtered-fails"],
)
def test_recent_members_are_read_when_rondo_club_does_not_name_the_volunteers(systems, members, office, club_sandbox, caplog):
    members(ANNE, BO)

    assert download(systems, Selection()) == FunctionsDownloadResult(total=1, downloaded=1, functions_count=1, failures=[])
    assert looked_at(club_sandbox) == ["A1"]
    line = "volunteers without a certificate are left out: rondo-club: list volunteers: 500"
    assert line in caplog.messages


def test_a_recent_download_leaves_all_others_as_they_are(systems, members, office):
    members(ANNE, BO)
    download(systems)
    fields = systems.state.functions.free_fields()

    office.functions["A1"] = function("Penningmeester", "2022-01-01")
    download(systems, Selection())

    assert places(systems) == [
        ("B2", "Jeugdcommissie", "Lid"),
        ("A1", "Verenigingsbreed", "Penningmeester"),
        ("A1", "Verenigingsbreed", "Voorzitter"),
    ]
    assert systems.state.functions.free_fields() == fields


def test_functions_of_the_union_are_not_taken_for_functions_in_the_club(systems, members, office):
    members(CEES)

    assert download(systems) == FunctionsDownloadResult(total=1, is_complete=True, failures=[])
