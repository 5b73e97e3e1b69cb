"""Items that fail while their step goes on, and items that are not there any more."""

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypeVar

from pipelines.errors import ClientError, FreeScoutError, LapostaError, LoginError, RondoClubError
from pipelines.result import ErrorRecord

logger = logging.getLogger(__name__)

Item = TypeVar("Item")

DAYS_DOUBTED = 14
"""How long most of something has to be missing to be gone: a season's turn stays, a damaged download does not."""


@contextmanager
def item(failures: list[ErrorRecord], **identity: str) -> Iterator[None]:
    """Handle one item: what a system says against it becomes a failure of the item, and the step goes on.

    An error that would hit every other item too leaves the block, and so does one that no system made.

    Args:
        failures: Takes the failure.
        identity: The item's identifier and its system, as in `ErrorRecord`.
    """
    try:
        yield
    except ClientError as error:
        if _concerns_every_item(error):
            raise
        failure = ErrorRecord(message=str(error), **identity)
        logger.debug("%s: %s", failure.identifier, failure.text)
        failures.append(failure)


def find_orphans(
    known: Mapping[str, Item],
    present: Collection[str],
    failures: list[ErrorRecord],
    *,
    remedy: str = "look at the download; another club needs a SYNC_STATE_DIR of its own",
    **identity: str,
) -> list[Item]:
    """The known items that are not present any more; none, and a failure, when it would be more than half of them.

    Most of them leave at once only in a download that is empty, damaged or somebody else's.

    Args:
        known: What was known before, from one source: an answer that is missing is not made up for by another.
        present: Keys of what there is now.
        failures: Takes the failure.
        remedy: What the operator does about it.
        identity: Its system, as in `ErrorRecord`.
    """
    orphans = [one for key, one in known.items() if key not in present]
    if is_most(len(orphans), len(known)):
        found = f"{len(orphans)} of the {len(known)} known before are not in the download"
        message = f"{found}: all are kept ({remedy})"
        failures.append(ErrorRecord(message=message, **identity))
        return []
    return orphans


def is_most(part: int, whole: int) -> bool:
    """More than a club gives up from one run to the next."""
    return part * 2 > whole


def is_refusal(error: ClientError) -> bool:
    """The system understood and said no: nothing was done, and asked again at once it would say so again."""
    return error.status is not None and HTTPStatus.BAD_REQUEST <= error.status < HTTPStatus.INTERNAL_SERVER_ERROR


def _concerns_every_item(error: ClientError) -> bool:
    """A login or a key is refused; a 401 of Sportlink may be about one photo, whose address has expired."""
    has_key = isinstance(error, LapostaError | RondoClubError | FreeScoutError)
    return isinstance(error, LoginError) or (has_key and error.status == HTTPStatus.UNAUTHORIZED)
