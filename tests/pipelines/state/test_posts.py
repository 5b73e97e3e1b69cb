"""What is remembered of teams and commissies."""

import pytest

from pipelines.state import Post, State, WantedPost


def wanted(key, name="1"):
    return WantedPost(key=key, name=name, team_code=name, body={"title": name})


def known(key, name="1", post_id=None, *, is_synced=False):
    one = wanted(key, name)
    return Post(
        key=key,
        name=name,
        team_code=name,
        body={"title": name},
        post_id=post_id,
        source_hash=one.source_hash,
        last_synced_hash=one.source_hash if is_synced else None,
    )


@pytest.fixture
def teams(state):
    return state.teams


def test_a_post_is_changed_until_it_was_written_in_its_form(teams):
    teams.store([wanted("T1")])
    [post] = teams.posts()
    assert (post, post.is_changed) == (known("T1"), True)

    teams.mark_synced(post, 7)
    assert teams.posts() == [known("T1", post_id=7, is_synced=True)]

    teams.store([wanted("T1", "2")])
    [renamed] = teams.posts()
    assert (renamed.post_id, renamed.is_changed) == (7, True)


def test_what_is_not_in_a_download_is_gone_until_it_comes_back(teams):
    teams.store([wanted("T1"), wanted("T2")])

    teams.store([wanted("T2")])
    assert (teams.posts(), teams.gone()) == ([known("T2")], [known("T1")])

    teams.store([wanted("T1"), wanted("T2")])
    assert teams.gone() == []


def test_what_comes_back_is_missed_from_its_next_absence_on(tmp_path):
    days = iter(["2026-02-01T06:00:09Z", "2026-02-08T06:00:00Z", "2026-02-15T06:00:00Z", "2026-03-01T05:59:00Z"])
    today = [next(days)]
    with State.open(tmp_path / "state", now=lambda: today[-1]) as state:
        state.teams.store([wanted("T1"), wanted("T2")])
        state.teams.store([])
        today.append(next(days))
        state.teams.store([wanted("T1")])
        today.append(next(days))
        state.teams.store([])

        assert state.teams.long_gone(days=14) == {"T2"}
        assert state.commissies.long_gone(days=14) == set()
        today.append(next(days))
        assert state.teams.long_gone(days=14) == {"T1", "T2"}


def test_what_is_forgotten_is_known_no_more(teams):
    teams.store([wanted("T1")])

    teams.forget("T1")

    assert (teams.posts(), teams.gone()) == ([], [])


def test_teams_and_commissies_are_kept_apart(state):
    state.teams.store([wanted("X")])
    state.commissies.store([wanted("Y")])
    state.commissies.store([])

    assert ([post.key for post in state.teams.posts()], [post.key for post in state.commissies.gone()]) == (["X"], ["Y"])


def test_the_list_that_named_a_team_last_is_known_when_it_names_the_team_no_more(teams):
    teams.store_sources({"T1": "union", "T2": "club"})

    teams.store_sources({"T1": "club"})

    assert teams.sources() == {"T1": "club", "T2": "club"}


def test_a_roster_is_replaced_and_those_of_other_teams_stay(teams):
    teams.store_rosters({"T1": {"A1": "Keeper", "B2": ""}, "T2": {"A1": "Leider"}})

    teams.store_rosters({"T1": {"C3": "Speler"}})

    assert teams.rosters() == {"T1": {"C3": "Speler"}, "T2": {"A1": "Leider"}}


def test_a_post_is_found_by_its_id_without_looking_at_all_of_its_kind(state):
    query = "EXPLAIN QUERY PLAN SELECT name FROM rondo_club_posts WHERE kind = 'team' AND rondo_club_id = 7"
    [plan] = state.rondo._connection.execute(query)

    assert "posts_by_id" in plan["detail"]
