"""What the date of a photo says."""

import pytest

from pipelines.state import PhotoState
from pipelines.transform.photos import next_photo_state

DOWNLOAD, DELETE = PhotoState.PENDING_DOWNLOAD, PhotoState.PENDING_DELETE


@pytest.mark.parametrize("state", PhotoState)
@pytest.mark.parametrize("date", [None, "2024-09-02"])
def test_a_date_that_stays_changes_nothing(state, date):
    assert next_photo_state(state, known_date=date, date=date) is state


@pytest.mark.parametrize("state", PhotoState)
@pytest.mark.parametrize("known_date", [None, "2024-09-02"])
def test_a_new_date_means_a_new_photo(state, known_date):
    assert next_photo_state(state, known_date=known_date, date="2025-01-01") is DOWNLOAD


@pytest.mark.parametrize("state", [state for state in PhotoState if state is not PhotoState.NO_PHOTO])
def test_a_date_that_goes_takes_the_photo_with_it(state):
    assert next_photo_state(state, known_date="2024-09-02", date=None) is DELETE


def test_where_there_is_no_photo_there_is_none_to_delete():
    assert next_photo_state(PhotoState.NO_PHOTO, known_date="2024-09-02", date=None) is PhotoState.NO_PHOTO
