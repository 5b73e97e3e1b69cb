"""Contributions as fields of a person."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.clients.nikki import NikkiRow
from pipelines.state import Contribution
from pipelines.transform.nikki import contribution, is_known, yearly_fields

ROW = NikkiRow(year=2026, knvb_id="A1", nikki_id="N-1", saldo_text="€ 12,50", status="Openstaand")
LINE = Contribution(knvb_id="A1", year=2026, nikki_id="N-1", saldo=12.5, hoofdsom=100.0, status="Openstaand")


@pytest.mark.parametrize(
    ("amounts", "hoofdsom"),
    [({"N-1": "€ 1.250,00"}, 1250.0), ({"N-2": "€ 1,00"}, None), ({"N-1": ""}, 0.0), (None, None)],
    ids=["in the report", "not in the report", "without an amount", "no report"],
)
def test_a_row_of_the_table_gets_its_amount_from_the_report(amounts, hoofdsom):
    assert contribution(ROW, amounts) == replace(LINE, hoofdsom=hoofdsom)


def test_the_lines_of_a_year_are_added_up():
    lines = [
        replace(LINE, year=2025, nikki_id="N-0", saldo=0.0, hoofdsom=None, status=""),
        LINE,
        replace(LINE, nikki_id="N-2", saldo=-0.2, hoofdsom=50.25, status="Betaald"),
        replace(LINE, nikki_id="N-3", saldo=0.1, hoofdsom=None),
    ]

    assert yearly_fields(lines) == {
        "_nikki_2025_total": None,
        "_nikki_2025_saldo": 0,
        "_nikki_2025_status": None,
        "_nikki_2026_total": 150.25,
        "_nikki_2026_saldo": 12.4,
        "_nikki_2026_status": "Openstaand",
    }


@given(st.lists(st.integers(min_value=-(10**9), max_value=10**9), min_size=1, max_size=30))
def test_a_sum_of_amounts_in_cents_is_exact(cents):
    lines = [replace(LINE, nikki_id=str(number), saldo=one / 100) for number, one in enumerate(cents)]

    assert yearly_fields(lines)["_nikki_2026_saldo"] == sum(cents) / 100


def test_whole_euros_are_written_without_a_fraction():
    assert str(yearly_fields([LINE])["_nikki_2026_total"]) == "100"


def test_a_person_that_has_all_fields_is_known():
    fields = {"_nikki_2026_total": 100, "_nikki_2026_status": None}

    assert is_known(fields, {"first_name": "Anne", "_nikki_2026_total": 100})
    assert not is_known(fields, {"_nikki_2026_total": 100, "_nikki_2026_status": "Betaald"})
    assert not is_known(fields, {})
