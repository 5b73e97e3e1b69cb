"""Which rows of a work history are ours, and what becomes of them."""

import copy
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pipelines.state import TrackedRow
from pipelines.transform.work_history import Membership, Plan, plan_history, write_history

TODAY = "2026-02-08"
TEAM, OTHER, COMMISSIE = 500, 501, 600


def row(team=TEAM, job_title="Speler", start_date="2025-08-01", end_date="", *, is_current=True):
    return {"job_title": job_title, "is_current": is_current, "start_date": start_date, "end_date": end_date, "team": team}


def ours(post_id=TEAM, job_title="Speler", start_date="2025-08-01", index=0):
    return TrackedRow(post_id=post_id, job_title=job_title, start_date=start_date, index=index)


def member_of(post_id=TEAM, role="Speler", start_date=""):
    return Membership(post_id=post_id, role=role, start_date=start_date)


def plan(*, kept=(), ended=(), added=()):
    return Plan(kept=tuple(kept), ended=tuple(ended), added=tuple(added))


def write(rows, planned, default_start=TODAY):
    return write_history(rows, planned, default_start=default_start, today=TODAY)


# ------------------------------------------------------------------------------------------------ plans


def test_what_is_wanted_and_not_tracked_is_added_and_what_is_tracked_and_not_wanted_is_ended():
    assert plan_history([ours(), ours(OTHER)], [member_of(), member_of(COMMISSIE)]) == plan(
        kept=[ours()], ended=[ours(OTHER)], added=[member_of(COMMISSIE)]
    )


def test_the_role_belongs_to_the_key():
    assert plan_history([ours()], [member_of(role="Leider")]) == plan(ended=[ours()], added=[member_of(role="Leider")])
    assert plan_history([], [member_of(role="Lid"), member_of(role="Leider")]).added == (
        member_of(role="Lid"),
        member_of(role="Leider"),
    )


def test_a_membership_without_a_role_makes_no_row_and_lets_one_live():
    assert plan_history([], [member_of(role="")]).is_empty
    assert plan_history([ours()], [member_of(role="")]) == plan(kept=[ours()])


# ------------------------------------------------------------------------------------------------ writing


def test_a_row_is_added_at_the_end_and_tracked_by_its_index():
    by_hand = row(OTHER, "Vrijwilliger", "2010-01-01")

    written = write([by_hand], plan(added=[member_of(), member_of(COMMISSIE, "Lid", "2020-01-01")]))

    assert written.rows == (by_hand, row(start_date=TODAY), row(COMMISSIE, "Lid", "2020-01-01"))
    assert written.current == (ours(start_date=TODAY, index=1), ours(COMMISSIE, "Lid", "2020-01-01", index=2))
    assert (written.added_count, written.has_changed) == (2, True)


def test_a_row_that_is_over_gets_an_end_and_stays():
    written = write([row(OTHER), row()], plan(ended=[ours(index=1)]))

    assert written.rows == (row(OTHER), row(end_date=TODAY, is_current=False))
    assert (written.current, written.ended) == ((), (ours(index=1),))


def test_a_row_made_by_hand_for_the_same_team_is_not_ended():
    by_hand = row(job_title="Trainer", start_date="2012-01-01")

    written = write([by_hand, row()], plan(ended=[ours(index=1)]))

    assert written.rows == (by_hand, row(end_date=TODAY, is_current=False))


def test_our_row_is_found_after_somebody_took_out_one_before_it():
    written = write([row(OTHER, "Trainer"), row()], plan(kept=[ours(index=2)]))

    assert written.current == (ours(index=1),)
    assert not written.has_changed


def test_our_row_is_found_after_somebody_corrected_it():
    corrected = row(job_title="Keeper", start_date="2019-08-01")

    written = write([corrected], plan(ended=[ours()]))

    assert written.rows == ({**corrected, "is_current": False, "end_date": TODAY},)


def test_a_row_of_ours_is_not_taken_for_another_of_the_same_team_that_is_gone():
    leader = ours(job_title="Leider", index=1)

    written = write([row(job_title="Leider")], plan(kept=[leader], ended=[ours(index=0)]))

    assert (written.current, written.ended, written.has_changed) == ((replace(leader, index=0),), (), False)


def test_our_row_is_added_again_after_somebody_took_it_out():
    assert write([], plan(kept=[ours()])).rows == (row(),)
    assert not write([], plan(ended=[ours()])).has_changed


def test_a_row_whose_writing_was_not_answered_is_not_added_twice():
    written = write([row(start_date=TODAY)], plan(added=[member_of()]))

    assert (written.has_changed, written.current) == (False, (ours(start_date=TODAY),))


def test_a_row_that_was_written_on_another_day_and_not_remembered_is_not_added_twice():
    written = write([row(OTHER), row(start_date="2026-02-07")], plan(added=[member_of()]))

    assert (written.has_changed, written.current) == (False, (ours(start_date="2026-02-07", index=1),))


def test_a_row_that_is_over_is_not_taken_for_the_one_that_begins():
    over = row(end_date="2025-12-31", is_current=False)

    assert write([over], plan(added=[member_of()])).rows == (over, row(start_date=TODAY))


def test_a_row_whose_team_is_deleted_is_written_back_without_one():
    written = write([{**row(), "team": False}, {**row(OTHER), "team": [str(OTHER)]}], plan(added=[member_of()]))

    assert [one.get("team") for one in written.rows] == [None, OTHER, TEAM]


# ------------------------------------------------------------------------------------------------ laws

POSTS = st.sampled_from([TEAM, OTHER, COMMISSIE])
ROLES = ["Speler", "Leider"]
WANTED = st.sets(st.tuples(POSTS, st.sampled_from(ROLES)), max_size=4)
BY_HAND = st.builds(row, POSTS, st.sampled_from(["Vrijwilliger", "Erelid"]), st.just("1999-01-01"), is_current=st.booleans())


@given(st.lists(st.tuples(WANTED, st.lists(BY_HAND, max_size=2), st.integers(0, 9)), max_size=6))
def test_rows_by_hand_are_never_touched_and_ours_are_always_those_wanted(seasons):
    """In every season the memberships change, and somebody adds rows by hand and takes one of those out."""
    rows, tracked, by_hand = [], [], []
    for wanted, added_by_hand, taken_out in seasons:
        rows += copy.deepcopy(added_by_hand)
        by_hand += added_by_hand
        if by_hand:
            gone = by_hand.pop(taken_out % len(by_hand))
            rows.remove(gone)

        planned = plan_history(tracked, [member_of(*one) for one in wanted])
        written = write(copy.deepcopy(rows), planned)

        rows, tracked = list(written.rows), list(written.current)
        assert sorted(map(repr, (one for one in rows if one["job_title"] not in ROLES))) == sorted(map(repr, by_hand))
        current = [(one["team"], one["job_title"]) for one in rows if one["is_current"] and one not in by_hand]
        assert sorted(current) == sorted(wanted)
        assert all((rows[one.index]["team"], rows[one.index]["job_title"]) == (one.post_id, one.job_title) for one in tracked)


@given(WANTED, st.lists(BY_HAND, max_size=3))
def test_a_second_write_changes_nothing(wanted, by_hand):
    memberships = [member_of(*one) for one in wanted]
    first = write(by_hand, plan_history([], memberships))

    again = plan_history(first.current, memberships)
    second = write(first.rows, again)

    assert again.is_empty
    assert second == replace(first, added_count=0, has_changed=False)
