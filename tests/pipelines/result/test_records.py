"""Items that failed."""

import pytest

from pipelines.result import ErrorRecord
from pipelines.result.freescout import CustomersResult


def test_the_identifier_is_the_first_that_there_is():
    names = ("knvb_id", "email", "dossier_id", "team_name", "commissie_name")
    known = {name: f"the {name}" for name in names}

    found = []
    for name in names:
        found.append(ErrorRecord(**known).identifier)
        known[name] = ""

    assert found == [f"the {name}" for name in names]
    assert ErrorRecord(**known).identifier is None


@pytest.mark.parametrize(
    ("texts", "text"),
    [
        ({"message": "m", "error": "e"}, "m"),
        ({"message": "", "error": "e"}, "e"),
        ({"error": "e"}, "e"),
        ({}, "Unknown error"),
    ],
)
def test_the_text_is_the_message_else_the_error_else_unknown(texts, text):
    assert ErrorRecord(**texts).text == text


def test_an_error_stands_in_the_stats_with_what_is_known_of_it():
    assert ErrorRecord(knvb_id="A1", message="no", system="rondoClub").as_json() == {
        "knvb_id": "A1",
        "message": "no",
        "system": "rondoClub",
    }
    assert ErrorRecord(error="e").as_json() == {"message": "e"}


def test_a_result_tells_the_counts_it_is_asked_for_and_what_failed():
    result = CustomersResult(created=1, deleted=2, failures=[ErrorRecord(message="no")])

    assert result.told("created", "deleted") == "1 created, 2 deleted, 1 failed"
