"""What is remembered about contributions."""

from dataclasses import replace

from pipelines.state import Contribution

ONE = Contribution(knvb_id="A1", year=2026, nikki_id="N-1", saldo=12.5, hoofdsom=100.0, status="Open")
TWO = replace(ONE, nikki_id="N-2", hoofdsom=None)
OLD = replace(ONE, year=2022)


def test_contributions_come_by_member_and_year(state):
    other = replace(ONE, knvb_id="B2")
    state.nikki.replace_years([other, TWO, ONE, OLD], oldest=2022)

    assert state.nikki.contributions() == [OLD, ONE, TWO, other]


def test_the_same_download_twice_is_the_same_as_once(state):
    state.nikki.replace_years([ONE, TWO], oldest=2022)
    state.nikki.replace_years([ONE, TWO], oldest=2022)

    assert state.nikki.contributions() == [ONE, TWO]


def test_what_is_not_in_its_year_any_more_is_forgotten_and_other_years_stay(state):
    state.nikki.replace_years([ONE, TWO, OLD], oldest=2022)

    state.nikki.replace_years([ONE], oldest=2022)

    assert state.nikki.contributions() == [OLD, ONE]


def test_a_year_without_any_line_is_settled_until_it_has_one_again(state):
    state.nikki.replace_years([ONE, TWO, OLD], oldest=2022)
    state.nikki.replace_years([TWO, OLD], oldest=2022)
    assert state.nikki.settled_years() == []

    other = replace(ONE, knvb_id="B2")
    state.nikki.replace_years([other, replace(other, year=2022)], oldest=2022)
    assert state.nikki.settled_years() == [("A1", 2022), ("A1", 2026)]

    state.nikki.replace_years([ONE, other], oldest=2022)
    assert state.nikki.settled_years() == [("A1", 2022)]


def test_a_settled_year_is_forgotten_when_it_was_told_and_when_it_is_pruned(state):
    other = replace(ONE, knvb_id="B2")
    state.nikki.replace_years([ONE, OLD, other], oldest=2022)
    state.nikki.replace_years([replace(OLD, knvb_id="C3"), replace(OLD, knvb_id="C3", year=2026)], oldest=2022)

    state.nikki.forget_settled_years("B2")
    state.nikki.replace_years([], oldest=2023)

    assert state.nikki.settled_years() == [("A1", 2026)]


def test_years_before_the_oldest_are_pruned(state):
    state.nikki.replace_years([ONE, OLD], oldest=2022)

    state.nikki.replace_years([ONE, OLD], oldest=2023)

    assert state.nikki.contributions() == [ONE]


def test_an_amount_that_no_report_had_this_time_stays(state):
    state.nikki.replace_years([ONE], oldest=2022)

    state.nikki.replace_years([replace(ONE, hoofdsom=None, saldo=0.0)], oldest=2022)

    assert state.nikki.contributions() == [replace(ONE, saldo=0.0)]
