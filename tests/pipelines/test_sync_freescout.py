"""The pipeline freescout as a whole."""

import json
from dataclasses import replace
from functools import partial

import pytest
from click.testing import CliRunner

from otel_sqlite import ItemError, Outcome
from pipelines.sandbox import Fault, FaultKind
from pipelines.sync_freescout import main, sync_freescout
from pipelines.sync_people import sync_people
from tests.pipelines.tracked import counts, track

sync = partial(track, sync_freescout)

ANNE = {"PublicPersonId": "A1", "FirstName": "Anne", "LastName": "Appel", "Email": "anne@x.example"}
BO = {"PublicPersonId": "B2", "FirstName": "Bo", "LastName": "Berg", "Email": "bo@x.example"}
BO_IS_REFUSED = Fault(kind=FaultKind.REFUSED, system="freescout", subject="bo@x.example", times=None)


@pytest.fixture
def members(systems, club, writes):
    """Anne and Bo are known."""
    club(ANNE, BO)
    sync_people(systems)
    writes()


def test_members_become_customers(systems, members, writes):
    report, run = sync(systems)

    assert counts(run) == [("freescout-sync", "success", 2, 0, 0, 0)]
    assert (run.pipeline, run.outcome, report.success) == ("freescout", Outcome.SUCCESS, True)
    assert json.loads(run.summary) == report.stats.as_json()
    assert len(writes()) == 4


def test_a_second_run_and_a_dry_run_write_nothing(systems, members, writes):
    sync(systems, dry_run=True)
    assert writes() == []

    sync(systems)
    writes()
    _, run = sync(systems)

    assert (counts(run), writes()) == ([("freescout-sync", "success", 0, 0, 2, 0)], [])


@pytest.mark.parametrize("club_sandbox", [[BO_IS_REFUSED]], indirect=True, ids=["bo"])
def test_a_customer_that_fails_is_named_with_what_freescout_says(systems, members):
    report, run = sync(systems)

    text = 'freescout: create customer B2: 400, "emails: The address is not accepted."'
    assert run.steps[0].errors == [ItemError("B2", text)]
    assert report.stats.as_json()["errors"] == [{"knvb_id": "B2", "message": text, "system": "freescout"}]
    assert (run.outcome, report.success) == (Outcome.PARTIAL, False)


def test_without_credentials_the_run_fails_without_a_step_and_says_why(systems, members, club_sandbox):
    unset = replace(systems, settings=replace(systems.settings, freescout=replace(systems.settings.freescout, api_key="")))

    report, run = sync(unset)

    text = "missing settings: FREESCOUT_API_KEY (set them in the environment or in .env)"
    assert (run.outcome, run.steps, [error.message for error in run.errors]) == (Outcome.FAILURE, [], [text])
    assert report.stats.as_json()["errors"] == [{"message": text, "system": "freescout"}]
    assert f"- system [freescout]: {text}" in report.summary
    assert not report.success
    assert not [one for one in club_sandbox.requests if one.system == "freescout"]


def test_the_command_has_a_dry_run():
    assert "--dry-run" in CliRunner().invoke(main, ["--help"]).output
