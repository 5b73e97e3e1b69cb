"""Downloading the member list."""

import pytest

from pipelines.errors import EmptyDownloadError
from pipelines.result.people import DownloadResult
from pipelines.steps.members import latest_members
from tests.pipelines.steps.filled import download_members


def test_a_download_is_kept_as_it_came(systems, club):
    members = club({"PublicPersonId": "A1", "AddressNumber": 12, "Infix": None}, {"PublicPersonId": "B2"})

    result = download_members(systems)

    assert result == DownloadResult(downloaded=2)
    assert systems.state.laposta.latest_download() == members
    assert [member.knvb_id for member in latest_members(systems)] == ["A1", "B2"]


def test_an_empty_download_is_refused_and_the_one_before_stays(systems, club):
    club({"PublicPersonId": "A1"})
    download_members(systems)
    club()

    with pytest.raises(EmptyDownloadError, match="sportlink: download members: none received"):
        download_members(systems)

    assert [member.knvb_id for member in latest_members(systems)] == ["A1"]


def test_without_a_download_there_are_no_members_to_work_on(systems):
    with pytest.raises(EmptyDownloadError):
        latest_members(systems)
