"""European amounts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.transform.amounts import parse_amount

CENTS = st.integers(min_value=-(10**11), max_value=10**11)


def european(cents, *, sign="€ ", thousands="."):
    """An amount as Nikki writes it."""
    euros, rest = divmod(abs(cents), 100)
    whole = f"{euros:,}".replace(",", thousands)
    return f"{'-' if cents < 0 else ''}{sign}{whole},{rest:02}"


@given(CENTS, st.sampled_from(["€ ", "€", "", "€\u00a0"]), st.sampled_from([".", ""]))
def test_an_amount_comes_back_as_it_was_written(cents, sign, thousands):
    assert parse_amount(european(cents, sign=sign, thousands=thousands)) == cents / 100


@given(CENTS)
def test_a_decimal_point_is_understood_where_there_is_no_comma(cents):
    assert parse_amount(f"{cents / 100:.2f}") == cents / 100


@given(st.text())
def test_any_text_is_an_amount_or_nothing(text):
    assert isinstance(parse_amount(text), float)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("€ 1.250,00", 1250.0),
        ("-€ 12,50", -12.5),
        ("€ -12,50", -12.5),
        ("1.250", 1.25),
        ("1.250,5", 1250.5),
        ("0", 0.0),
        ("", 0.0),
        ("-", 0.0),
        ("onbekend", 0.0),
        ("12,50,75", 0.0),
        ("1,250.00", 1.25),
    ],
)
def test_an_amount_is_read_as_the_club_means_it(text, amount):
    assert parse_amount(text) == amount
