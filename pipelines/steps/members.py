"""Download the member list, which everything else is made of."""

import logging

from pipelines.errors import EmptyDownloadError
from pipelines.result.people import DownloadResult
from pipelines.systems import Systems
from pipelines.transform.sportlink import MemberRecord

logger = logging.getLogger(__name__)


def download_members(systems: Systems) -> DownloadResult:
    """Keep what Sportlink says of all members.

    Raises:
        EmptyDownloadError: Sportlink has no members; what was downloaded before stays the latest.
    """
    members = systems.sportlink.download_members()
    if not members:
        raise EmptyDownloadError("sportlink", "members")
    systems.state.laposta.add_download(members)
    logger.info("%d members downloaded", len(members))
    return DownloadResult(downloaded=len(members))


def latest_members(systems: Systems) -> list[MemberRecord]:
    """The members of the latest download.

    Raises:
        EmptyDownloadError: There was no download yet.
    """
    members = [MemberRecord.parse(raw) for raw in systems.state.laposta.latest_download()]
    if not members:
        raise EmptyDownloadError("sportlink", "members")
    return members
