"""What the date of a member's photo says about what is to be done."""

from pipelines.state import PhotoState


def next_photo_state(state: PhotoState, *, known_date: str | None, date: str | None) -> PhotoState:
    """The state of a photo after a download that gives it this date (None: there is no photo).

    Only the date counts: the address of a photo expires within hours and says nothing when it is missing.
    """
    if date == known_date:
        return state
    if date:
        return PhotoState.PENDING_DOWNLOAD
    return PhotoState.NO_PHOTO if state is PhotoState.NO_PHOTO else PhotoState.PENDING_DELETE
