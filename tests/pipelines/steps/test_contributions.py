"""What members owe, from Nikki to their persons."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipelines.errors import EmptyDownloadError, RondoClubError
from pipelines.result import ErrorRecord
from pipelines.result.nikki import ContributionsResult, NikkiDownloadResult
from pipelines.sandbox import Fault, FaultKind
from pipelines.state import Contribution
from pipelines.systems import Systems
from tests.pipelines.steps.filled import download_contributions, download_members, sync_contributions, sync_persons

ANNE = {"PublicPersonId": "A1", "FirstName": "Anne", "LastName": "Appel"}
BO = {"PublicPersonId": "B2", "FirstName": "Bo", "LastName": "Berg"}
TODAY = datetime.now(UTC).date()
YEAR = TODAY.year
NO_REPORT = Fault(kind=FaultKind.REFUSED, system="nikki", path="/leden/rapport", times=None)
BO_IS_REFUSED = Fault(kind=FaultKind.REFUSED, system="rondo-club", method="PUT", subject="B2", times=None)


def owes(knvb_id, saldo, *, total=10000, nikki_id="N-1", **more):
    bill = {"year": YEAR, "status": "Openstaand", "saldo_cents": saldo, "total_cents": total}
    return {**bill, "knvb_id": knvb_id, "nikki_id": f"{knvb_id}-{nikki_id}", **more}


def counts(**known):
    return ContributionsResult(**known, failures=[])


@pytest.fixture
def contributions(club_sandbox):
    """Makes these what Nikki knows."""

    def set_contributions(*rows):
        club_sandbox.club.contributions[:] = rows

    return set_contributions


@pytest.fixture
def members(systems, club, writes):
    """Makes these the members, with persons in Rondo Club."""

    def set_members(*records):
        club(*records)
        download_members(systems)
        sync_persons(systems)
        writes()

    return set_members


def nikki_fields(sandbox, knvb_id):
    [person] = [one for one in sandbox.rondo_club.persons() if one["acf"]["knvb-id"] == knvb_id]
    return {name: value for name, value in person["acf"].items() if name.startswith("_nikki_")}


def bodies(sandbox):
    """What was written to persons, since there are members."""
    return [one.body for one in sandbox.requests if one.method == "PUT" and one.system == "rondo-club"]


# ------------------------------------------------------------------------------------------------ the download


def test_a_download_is_kept_with_the_amounts_of_the_report(systems, contributions):
    contributions(owes("A1", 1250, total=125000), owes("A1", 0, nikki_id="N-2"), owes("B2", -50))

    assert download_contributions(systems, today=TODAY) == NikkiDownloadResult(count=3)

    line = {"year": YEAR, "status": "Openstaand"}
    assert systems.state.nikki.contributions() == [
        Contribution(knvb_id="A1", nikki_id="A1-N-1", saldo=12.5, hoofdsom=1250.0, **line),
        Contribution(knvb_id="A1", nikki_id="A1-N-2", saldo=0.0, hoofdsom=100.0, **line),
        Contribution(knvb_id="B2", nikki_id="B2-N-1", saldo=-0.5, hoofdsom=100.0, **line),
    ]


def test_years_before_the_last_four_are_pruned(systems, contributions):
    contributions(*(owes("A1", 0, year=year, nikki_id=str(year)) for year in range(YEAR - 5, YEAR + 1)))

    download_contributions(systems, today=TODAY)

    assert [one.year for one in systems.state.nikki.contributions()] == list(range(YEAR - 3, YEAR + 1))


@pytest.mark.parametrize("club_sandbox", [[NO_REPORT]], indirect=True, ids=["no-report"])
def test_without_a_report_the_download_goes_on(systems, contributions):
    contributions(owes("A1", 1250))

    assert download_contributions(systems, today=TODAY) == NikkiDownloadResult(count=1)

    assert [one.hoofdsom for one in systems.state.nikki.contributions()] == [None]


def test_an_empty_download_is_refused_and_what_was_known_stays(systems, contributions):
    contributions(owes("A1", 1250))
    download_contributions(systems, today=TODAY)
    known = systems.state.nikki.contributions()
    contributions()

    with pytest.raises(EmptyDownloadError):
        download_contributions(systems, today=TODAY)

    assert systems.state.nikki.contributions() == known


def test_a_year_that_most_lines_are_missing_of_stays_as_it_was(systems, contributions, days_later):
    last = [owes(knvb_id, 500, year=YEAR - 1) for knvb_id in ("A1", "B2")]
    contributions(*last, *(owes(knvb_id, 1250) for knvb_id in ("A1", "B2", "C3")))
    download_contributions(systems, today=TODAY)
    known = systems.state.nikki.contributions()
    contributions(*last, owes("A1", 99), owes("D4", 99))

    result = download_contributions(systems, today=TODAY)

    message = (
        f"2 of the 3 contributions of {YEAR} known before are not in the download: the year stays as it is "
        "(look at it in Nikki; what is missing for 14 days is gone)"
    )
    assert result == NikkiDownloadResult(count=2, failures=[ErrorRecord(message=message, system="nikki-download")])
    assert systems.state.nikki.contributions() == known
    with days_later(13) as later:
        assert download_contributions(later, today=TODAY).failed == 1
    contributions(owes("A1", 99), owes("D4", 99))
    with days_later(14) as later:
        assert download_contributions(later, today=TODAY) == NikkiDownloadResult(count=2)
    assert [(one.knvb_id, one.year) for one in systems.state.nikki.contributions()] == [
        ("A1", YEAR - 1),
        ("A1", YEAR),
        ("B2", YEAR - 1),
        ("D4", YEAR),
    ]


# ------------------------------------------------------------------------------------------------ the persons


def test_a_person_is_told_each_year_in_one_request(systems, members, contributions, club_sandbox):
    members(ANNE)
    contributions(
        owes("A1", 1250), owes("A1", 1000, nikki_id="N-2", status="Betaald"), owes("A1", 0, year=YEAR - 1, status="Betaald")
    )
    download_contributions(systems, today=TODAY)

    assert sync_contributions(systems) == counts(updated=1)

    assert bodies(club_sandbox) == [
        {
            "acf": {
                "first_name": "Anne",
                "last_name": "Appel",
                f"_nikki_{YEAR - 1}_total": 100,
                f"_nikki_{YEAR - 1}_saldo": 0,
                f"_nikki_{YEAR - 1}_status": "Betaald",
                f"_nikki_{YEAR}_total": 200,
                f"_nikki_{YEAR}_saldo": 22.5,
                f"_nikki_{YEAR}_status": "Openstaand",
            }
        }
    ]
    names = ("first_name", "last_name")
    [body] = bodies(club_sandbox)
    assert nikki_fields(club_sandbox, "A1").items() >= {k: v for k, v in body["acf"].items() if k not in names}.items()


def test_a_second_run_writes_nothing_and_force_writes_everything(systems, members, contributions, writes):
    members(ANNE, BO)
    contributions(owes("A1", 1250), owes("B2", 0))
    download_contributions(systems, today=TODAY)
    sync_contributions(systems)
    writes()

    assert sync_contributions(systems) == counts(skipped=2)
    assert writes() == []
    assert sync_contributions(systems, force=True) == counts(updated=2)


def test_a_person_is_compared_as_it_is_now(systems, members, contributions, club_sandbox):
    members(ANNE)
    contributions(owes("A1", 1250))
    download_contributions(systems, today=TODAY)
    sync_contributions(systems)
    person_id = systems.state.rondo.person_ids()["A1"]
    names = {"first_name": "Anne", "last_name": "Appel"}
    systems.rondo_club.update_person(person_id, {"acf": {**names, f"_nikki_{YEAR}_saldo": 99}})

    assert sync_contributions(systems) == counts(updated=1)
    assert nikki_fields(club_sandbox, "A1")[f"_nikki_{YEAR}_saldo"] == 12.5


def test_a_dry_run_writes_nothing(systems, members, contributions, writes):
    members(ANNE)
    contributions(owes("A1", 1250))
    download_contributions(systems, today=TODAY)

    assert sync_contributions(systems, dry_run=True) == counts(skipped=1)
    assert writes() == []


def test_a_member_without_a_person_is_counted_and_is_no_failure(systems, members, contributions):
    members(ANNE, BO)
    contributions(owes("A1", 1250), owes("B2", 0), owes("C3", 0))
    download_contributions(systems, today=TODAY)
    systems.rondo_club.delete_person(systems.state.rondo.person_ids()["B2"])

    assert sync_contributions(systems) == counts(updated=1, without_person=2)
    assert "B2" not in systems.state.rondo.person_ids()


def test_a_year_without_lines_is_cleared_once(systems, members, contributions, club_sandbox, writes):
    members(ANNE, BO)
    known = [owes("A1", 0, year=YEAR - 1), owes("B2", 0), owes("B2", 0, year=YEAR - 1)]
    contributions(*known, owes("A1", 1250))
    download_contributions(systems, today=TODAY)
    sync_contributions(systems)
    contributions(*known)
    download_contributions(systems, today=TODAY)

    assert sync_contributions(systems, dry_run=True) == counts(skipped=2)
    assert sync_contributions(systems) == counts(updated=1, skipped=1)

    names = ("total", "saldo", "status")
    shown = nikki_fields(club_sandbox, "A1")
    assert [shown[f"_nikki_{YEAR}_{name}"] for name in names] == [None, None, None]
    assert [shown[f"_nikki_{YEAR - 1}_{name}"] for name in names] == [100, 0, "Openstaand"]
    assert systems.state.nikki.settled_years() == []
    writes()
    assert sync_contributions(systems) == counts(skipped=2)
    assert writes() == []


def test_who_left_still_owes(systems, members, contributions):
    members(ANNE, BO)
    members(ANNE)
    contributions(owes("B2", 1250))
    download_contributions(systems, today=TODAY)

    assert sync_contributions(systems) == counts(updated=1)


@pytest.mark.parametrize("club_sandbox", [[BO_IS_REFUSED]], indirect=True, ids=["bo"])
def test_a_person_that_fails_is_named(systems, members, contributions):
    members(ANNE, BO)
    contributions(owes("A1", 1250), owes("B2", 0))
    download_contributions(systems, today=TODAY)

    result = sync_contributions(systems)

    assert (result.updated, result.skipped, result.failed) == (1, 0, 1)
    assert [(error.knvb_id, error.system) for error in result.failures] == [("B2", "rondoClub")]


def test_a_refused_login_ends_the_step(systems, members, contributions):
    members(ANNE, BO)
    contributions(owes("A1", 1250), owes("B2", 0))
    download_contributions(systems, today=TODAY)
    settings = replace(systems.settings, rondo_club=replace(systems.settings.rondo_club, app_password="wrong"))

    with Systems.open(settings) as refused, pytest.raises(RondoClubError):
        sync_contributions(refused)
