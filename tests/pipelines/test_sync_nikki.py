"""The pipeline nikki as a whole."""

import json
from datetime import UTC, datetime
from functools import partial

import pytest
from click.testing import CliRunner

from otel_sqlite import Outcome
from pipelines.sandbox import Fault, FaultKind
from pipelines.sync_nikki import main, sync_nikki
from pipelines.sync_people import sync_people
from tests.pipelines.tracked import counts, track

sync = partial(track, sync_nikki)

ANNE = {"PublicPersonId": "A1", "FirstName": "Anne", "LastName": "Appel", "Email": "anne@x.example"}
BO = {"PublicPersonId": "B2", "FirstName": "Bo", "LastName": "Berg", "Email": "bo@x.example"}
YEAR = datetime.now(UTC).year
BO_IS_REFUSED = Fault(kind=FaultKind.REFUSED, system="rondo-club", method="PUT", subject="B2", times=None)
TABLE_FAILS = Fault(kind=FaultKind.SERVER_ERROR, system="nikki", path="/leden*", times=None)


@pytest.fixture
def contributions(systems, club, club_sandbox, writes):
    """Anne and Bo are known in Rondo Club, and owe something."""
    club(ANNE, BO)
    sync_people(systems)
    writes()
    club_sandbox.club.contributions[:] = [
        {"knvb_id": knvb_id, "year": YEAR, "nikki_id": knvb_id, "status": "Open", "saldo_cents": 100, "total_cents": 100}
        for knvb_id in ("A1", "B2", "C3")
    ]


def test_contributions_come_from_nikki_to_rondo_club(systems, contributions, writes):
    report, run = sync(systems)

    assert counts(run) == [("nikki-download", "success", 3, 0, 0, 0), ("rondo-club-sync", "success", 0, 2, 0, 0)]
    assert (run.pipeline, run.outcome, report.success) == ("nikki", Outcome.SUCCESS, True)
    assert json.loads(run.summary) == report.stats.as_json()
    assert len(writes()) == 2


def test_a_second_run_writes_nothing(systems, contributions, writes):
    sync(systems)
    writes()

    _, run = sync(systems)

    assert (counts(run)[1], writes()) == (("rondo-club-sync", "success", 0, 0, 2, 0), [])


def test_a_dry_run_writes_nothing_and_force_everything(systems, contributions, writes):
    _, dry = sync(systems, dry_run=True)
    assert (counts(dry)[1], writes()) == (("rondo-club-sync", "success", 0, 0, 2, 0), [])

    sync(systems)
    _, forced = sync(systems, force=True)
    assert counts(forced)[1] == ("rondo-club-sync", "success", 0, 2, 0, 0)


@pytest.mark.parametrize("club_sandbox", [[BO_IS_REFUSED]], indirect=True, ids=["bo"])
def test_a_person_that_fails_is_an_error_row_with_its_knvb_id_and_a_number_in_the_stats(systems, contributions):
    report, run = sync(systems)

    assert [error.item_id for error in run.steps[1].errors] == ["B2"]
    assert (run.outcome, report.success) == (Outcome.PARTIAL, False)
    assert report.stats.as_json()["rondoClub"] == {"updated": 1, "skipped": 0, "noRondoClubId": 1, "errors": 1}


@pytest.mark.parametrize("club_sandbox", [[TABLE_FAILS]], indirect=True, ids=["table-fails"])
def test_a_download_that_fails_does_not_keep_what_is_known_from_being_synced(systems, contributions):
    report, run = sync(systems)

    assert [one[:2] for one in counts(run)] == [("nikki-download", "failure"), ("rondo-club-sync", "success")]
    [failure] = report.stats.as_json()["download"]["errors"]
    assert failure["system"] == "nikki-download"
    assert (run.outcome, run.errors, report.success) == (Outcome.PARTIAL, [], False)


def test_the_command_has_a_dry_run():
    assert "--dry-run" in CliRunner().invoke(main, ["--help"]).output
