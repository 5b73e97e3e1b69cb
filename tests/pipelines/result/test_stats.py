"""The stats of a run, however it ends."""

from datetime import UTC, date, datetime, timedelta

import pytest

from pipelines.errors import EmptyDownloadError, LapostaError
from pipelines.result import ErrorRecord
from pipelines.result.people import PeopleStats
from pipelines.result.stats import duration_text


def test_what_ends_the_run_is_in_the_stats_and_the_stats_are_complete(clock):
    stats, summaries, error = PeopleStats(), [], EmptyDownloadError("sportlink", "members")

    with pytest.raises(EmptyDownloadError) as raised, stats.completing(summaries.append, clock):
        raise error

    assert raised.value is error
    assert stats.failures == [ErrorRecord(message=str(error), system="people")]
    assert summaries == [stats.as_json()]
    assert (stats.completed_at, stats.duration) == ("2026-02-08 09:01:45", "2m 30s")


def test_what_ends_the_run_names_a_member_in_the_stats_and_not_in_the_log(clock, caplog):
    stats = PeopleStats()
    error = LapostaError("upsert subscriber", subject="fenna@voorbeeld.example", status=401, reason="no Fenna")

    with pytest.raises(LapostaError), stats.completing(lambda _: None, clock):
        raise error

    assert stats.failures == [ErrorRecord(message=str(error), system="people")]
    assert [record.getMessage() for record in caplog.records] == ["the run ends early: laposta: upsert subscriber: 401"]


def test_the_stats_are_complete_when_the_run_is_interrupted(clock):
    stats, summaries = PeopleStats(), []

    with pytest.raises(KeyboardInterrupt), stats.completing(summaries.append, clock):
        raise KeyboardInterrupt

    assert summaries == [stats.as_json()]
    assert summaries[0]["duration"] == "2m 30s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0s"), (0, "0s"), (45.9, "45s"), (60, "1m 0s"), (150, "2m 30s"), (4500, "75m 0s")],
)
def test_minutes_never_become_hours(seconds, text):
    assert duration_text(timedelta(seconds=seconds)) == text


def test_a_run_takes_place_on_a_day_of_the_club():
    late_in_the_evening = datetime(2026, 2, 8, 23, 30, tzinfo=UTC)

    with PeopleStats().completing(lambda _: None, lambda: late_in_the_evening) as today:
        pass

    assert today == date(2026, 2, 9)
