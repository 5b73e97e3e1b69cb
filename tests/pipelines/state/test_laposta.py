"""What is remembered about downloads and lists."""

from pipelines.state import Subscriber
from pipelines.state.laposta import KEPT_DOWNLOADS

ANNE = Subscriber(email="anne@x", custom_fields={"voornaam": "Anne"})
BO = Subscriber(email="bo@x", custom_fields={"voornaam": "Bo"})


def test_the_latest_download_is_the_last_one_added(state):
    assert state.laposta.latest_download() == []

    state.laposta.add_download([{"FirstName": "Anne"}])
    state.laposta.add_download([{"FirstName": "Zoë"}, {"FirstName": None}])

    assert state.laposta.latest_download() == [{"FirstName": "Zoë"}, {"FirstName": None}]


def test_only_the_last_downloads_are_kept(state):
    for number in range(KEPT_DOWNLOADS + 3):
        state.laposta.add_download([{"number": number}])

    kept = state.laposta._connection.execute("SELECT count(*) FROM sportlink_runs").fetchone()[0]
    assert (kept, state.laposta.latest_download()) == (KEPT_DOWNLOADS, [{"number": KEPT_DOWNLOADS + 2}])


def test_what_was_not_sent_is_unsent(state):
    state.laposta.replace_list(1, [ANNE, BO])
    state.laposta.mark_sent(1, "list-a", ANNE)

    assert state.laposta.unsent_subscribers(1, "list-a") == [BO]
    assert state.laposta.unsent_subscribers(1, "list-a", force=True) == [ANNE, BO]
    assert state.laposta.unsent_subscribers(2, "list-b") == []


def test_a_change_is_reported_until_it_is_sent_and_then_no_more(state):
    changed = Subscriber(email="anne@x", custom_fields={"voornaam": "Anna"})
    state.laposta.replace_list(1, [ANNE])
    state.laposta.mark_sent(1, "list-a", ANNE)

    state.laposta.replace_list(1, [changed])
    assert state.laposta.unsent_subscribers(1, "list-a") == [changed]
    assert state.laposta.unsent_subscribers(1, "list-a") == [changed]

    state.laposta.mark_sent(1, "list-a", changed)
    assert state.laposta.unsent_subscribers(1, "list-a") == []


def test_another_laposta_list_has_been_told_nothing(state):
    state.laposta.replace_list(1, [ANNE])
    state.laposta.mark_sent(1, "list-a", ANNE)

    assert state.laposta.unsent_subscribers(1, "list-z") == [ANNE]


def test_an_address_that_is_not_on_the_list_any_more_is_forgotten(state):
    state.laposta.replace_list(1, [ANNE, BO])
    state.laposta.replace_list(2, [ANNE])

    state.laposta.replace_list(1, [BO])

    assert [state.laposta.count_subscribers(index) for index in (1, 2)] == [1, 1]
