"""Items that fail, and items that are gone."""

import pytest

from pipelines.errors import LapostaError, LoginError, RondoClubError, SettingsError, SportlinkError
from pipelines.result import ErrorRecord
from pipelines.steps.items import find_orphans, item


def test_what_a_system_says_against_an_item_is_a_failure_of_the_item():
    failures = []

    with item(failures, knvb_id="A1", system="rondoClub"):
        raise RondoClubError("create person", subject="A1", status=400, reason="no")

    assert failures == [ErrorRecord(knvb_id="A1", message='rondo-club: create person A1: 400, "no"', system="rondoClub")]


@pytest.mark.parametrize(
    "error",
    [
        LoginError("log in", reason="no"),
        LapostaError("upsert subscriber", status=401),
        RondoClubError("get person", status=401),
        SettingsError(missing=["RONDO_URL"]),
        KeyError("a bug"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_would_hit_every_item_ends_the_step(error):
    failures = []

    with pytest.raises(type(error)) as raised, item(failures, knvb_id="A1"):
        raise error

    assert (raised.value, failures) == (error, [])


def test_an_address_of_a_photo_that_expired_is_a_failure_of_that_photo():
    failures = []

    with item(failures, knvb_id="A1"):
        raise SportlinkError("download photo", subject="A1", status=401)

    assert [failure.identifier for failure in failures] == ["A1"]


def test_who_is_not_present_any_more_is_an_orphan():
    failures = []

    assert find_orphans({"A1": "anne", "B2": "bo"}, {"A1", "C3"}, failures) == ["bo"]
    assert failures == []


@pytest.mark.parametrize("present", [{"D4"}, set(), {"A1"}], ids=["others", "nobody", "a few"])
def test_nobody_is_an_orphan_when_most_would_be(present):
    failures = []
    known = {"A1": "anne", "B2": "bo", "C3": "cees"}

    assert find_orphans(known, present, failures, system="rondoClub") == []
    gone = len(known.keys() - present)
    found = f"{gone} of the 3 known before are not in the download"
    message = f"{found}: all are kept (look at the download; another club needs a SYNC_STATE_DIR of its own)"
    assert failures == [ErrorRecord(message=message, system="rondoClub")]


@pytest.mark.parametrize("present", [set(), {"A1"}], ids=["empty", "first"])
def test_without_anybody_known_there_are_no_orphans(present):
    failures = []

    assert (find_orphans({}, present, failures), failures) == ([], [])
