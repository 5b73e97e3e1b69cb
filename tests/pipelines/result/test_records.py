"""Items that failed."""

import pytest

from pipelines.result import ErrorRecord


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
