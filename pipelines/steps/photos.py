"""Bring the photos of members from Sportlink to Rondo Club."""

import logging
from pathlib import Path

from pipelines.clients.sportlink import Photo
from pipelines.errors import RondoClubNotFoundError
from pipelines.result import ErrorRecord
from pipelines.result.all import PhotoCoverage
from pipelines.result.people import PhotoDownloadResult, PhotoUploadResult
from pipelines.state import Member, PhotoState
from pipelines.steps.items import item
from pipelines.systems import Systems

logger = logging.getLogger(__name__)

CONTENT_TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".gif": "image/gif"}


def download_photos(systems: Systems, result: PhotoDownloadResult) -> None:
    """Fetch the photos that are new or different. One that is not there after all is tried again when its date changes."""
    state = systems.state.rondo
    pending = state.members_with_photo(PhotoState.PENDING_DOWNLOAD)
    result.total = len(pending)
    for member in systems.track(pending, "downloading photos"):
        with item(result.failures, knvb_id=member.knvb_id, system="photo-download"):
            photo = systems.sportlink.download_photo(member.knvb_id)
            if photo is not None:
                _save_photo(systems.settings.photo_dir, member.knvb_id, photo)
            state.set_photo_state(member.knvb_id, PhotoState.ERROR if photo is None else PhotoState.DOWNLOADED)
            result.downloaded += photo is not None
            result.missing += photo is None
    logger.info("photos: %s", result.told("downloaded", "missing"))


def upload_photos(systems: Systems, result: PhotoUploadResult) -> None:
    """Give Rondo Club the photos that were downloaded, and take away those that Sportlink does not have any more."""
    state = systems.state.rondo
    for member in systems.track(state.members_with_photo(PhotoState.DOWNLOADED), "uploading photos"):
        with item(result.failures, knvb_id=member.knvb_id, system="photo-upload"):
            obstacle = _upload_photo(systems, member)
            if obstacle is not None:
                result.failures.append(ErrorRecord(knvb_id=member.knvb_id, message=obstacle, system="photo-upload"))
            result.uploaded += obstacle is None
            result.postponed += obstacle is not None
    for member in systems.track(state.members_with_photo(PhotoState.PENDING_DELETE), "deleting photos"):
        with item(result.failures, knvb_id=member.knvb_id, system="photo-delete"):
            result.deleted += _delete_photo(systems, member)
    logger.info("photos: %s", result.told("uploaded", "deleted"))


def measure_coverage(systems: Systems) -> PhotoCoverage:
    """See how many of the members have their photo in Rondo Club."""
    with_photos, members = systems.state.rondo.photo_coverage()
    return PhotoCoverage(members_with_photos=with_photos, total_members=members)


def _upload_photo(systems: Systems, member: Member) -> str | None:
    """Returns why the photo has to wait; None when it is there."""
    path = _find_photo(systems.settings.photo_dir, member.knvb_id)
    if path is None:
        systems.state.rondo.set_photo_state(member.knvb_id, PhotoState.PENDING_DOWNLOAD)
        return "the photo's file is gone (the next run downloads it again)"
    if member.person_id is None:
        return "the member has no person in Rondo Club yet (see rondo-club-sync)"
    try:
        systems.rondo_club.upload_photo(
            member.person_id, content=path.read_bytes(), filename=path.name, content_type=CONTENT_TYPES[path.suffix]
        )
    except RondoClubNotFoundError:
        systems.state.rondo.forget_person(member.person_id)
        raise
    systems.state.rondo.set_photo_state(member.knvb_id, PhotoState.SYNCED)
    return None


def _delete_photo(systems: Systems, member: Member) -> bool:
    """Returns whether there was a person to take it from."""
    if member.person_id is not None:
        systems.rondo_club.delete_photo(member.person_id)
    remove_photo(systems.settings.photo_dir, member.knvb_id)
    systems.state.rondo.set_photo_state(member.knvb_id, PhotoState.NO_PHOTO)
    return member.person_id is not None


def _photo_paths(folder: Path, knvb_id: str) -> list[Path]:
    """Where the photo may be. Not looked for in the folder, which is as large as the club."""
    return [folder / f"{knvb_id}{extension}" for extension in CONTENT_TYPES]


def _find_photo(folder: Path, knvb_id: str) -> Path | None:
    return next((path for path in _photo_paths(folder, knvb_id) if path.exists()), None)


def remove_photo(folder: Path, knvb_id: str) -> None:
    """Remove the photo of a member from this machine; one that is not there is fine."""
    for path in _photo_paths(folder, knvb_id):
        path.unlink(missing_ok=True)


def _save_photo(folder: Path, knvb_id: str, photo: Photo) -> None:
    """Written beside and moved, so that half a photo is never uploaded."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_photo(folder, knvb_id)
    part = folder / f".{knvb_id}.part"
    part.touch(mode=0o600)
    part.write_bytes(photo.content)
    part.replace(folder / f"{knvb_id}.{photo.extension}")
