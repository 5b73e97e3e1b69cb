"""Download the member list, which everything else is made of."""

import logging
from collections.abc import Sequence

from pipelines.clients import JsonObject
from pipelines.errors import EmptyDownloadError
from pipelines.result.people import DownloadResult
from pipelines.systems import Systems
from pipelines.transform.sportlink import MemberRecord

logger = logging.getLogger(__name__)


def download_members(systems: Systems, result: DownloadResult) -> None:
    """Keep what Sportlink says of all members.

    Raises:
        EmptyDownloadError: Sportlink has no members, or none of ours; what was downloaded before stays the latest.
    """
    members = systems.sportlink.download_members()
    if not members:
        raise EmptyDownloadError("sportlink", "members")
    if _is_foreign(systems, members):
        remedy = "look at SPORTLINK_USERNAME, or keep another club apart by SYNC_STATE_DIR"
        raise EmptyDownloadError("sportlink", "members of this club", remedy=remedy)
    systems.state.laposta.add_download(members)
    result.downloaded = len(members)
    logger.info("%d members downloaded", result.downloaded)


def _is_foreign(systems: Systems, members: Sequence[JsonObject]) -> bool:
    """Nobody who has a person is among them. To be judged before they are stored: from then on they would be known too."""
    known = {member.knvb_id for member in systems.state.rondo.members() if member.person_id is not None}
    return bool(known) and known.isdisjoint(MemberRecord.parse(raw).knvb_id for raw in members)


def latest_members(systems: Systems) -> list[MemberRecord]:
    """The members of the latest download.

    Raises:
        EmptyDownloadError: There was no download yet.
    """
    members = [MemberRecord.parse(raw) for raw in systems.state.laposta.latest_download()]
    if not members:
        raise EmptyDownloadError("sportlink", "members")
    return members
