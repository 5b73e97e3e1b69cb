"""What is remembered of the rows that we added to work histories."""

import pytest

from pipelines.state import RemotePerson, TrackedRow, WantedPost

ROW = TrackedRow(post_id=501, job_title="Speler", start_date="", index=2)
OVER = TrackedRow(post_id=502, job_title="Leider", start_date="2025-08-01", index=3)


@pytest.fixture
def history(state):
    state.rondo.remember_persons([RemotePerson(knvb_id="A1", person_id=7, is_volunteer=False)])
    return state.team_history


def test_current_rows_are_tracked_and_those_that_are_over_are_history(history):
    history.save("A1", 7, current=[ROW], ended=[OVER])

    assert history.tracked() == {"A1": [ROW]}
    history.save("A1", 7, current=[], ended=[ROW])
    assert (history.tracked(), history.has_history("A1", 7)) == ({}, True)


def test_the_rows_of_a_person_that_the_member_does_not_have_any_more_do_not_count(history, state):
    history.save("A1", 7, current=[ROW], ended=[])

    state.rondo.forget_person(7)
    state.rondo.remember_persons([RemotePerson(knvb_id="A1", person_id=8, is_volunteer=False)])

    assert (history.tracked(), history.has_history("A1", 8)) == ({}, False)


def test_teams_and_commissies_are_kept_apart(history, state):
    history.save("A1", 7, current=[ROW], ended=[])

    assert (state.commissie_history.tracked(), state.commissie_history.has_history("A1", 7)) == ({}, False)


def test_names_of_current_teams_are_given_once_and_sorted(history, state):
    state.teams.store([WantedPost(key=f"T{n}", name=name, body={}) for n, name in enumerate(["2", "1", "1"])])
    for post_id, post in enumerate(state.teams.posts(), start=500):
        state.teams.mark_synced(post, post_id)
    rows = [TrackedRow(post_id=post_id, job_title="Speler", start_date="", index=post_id) for post_id in (500, 501, 502)]

    history.save("A1", 7, current=rows, ended=[])

    assert history.post_names() == {"A1": ["1", "2"]}
