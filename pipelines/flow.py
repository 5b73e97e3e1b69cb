"""All the flow control that a pipeline needs: a step whose failure does not end the run."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.errors import SyncError

logger = logging.getLogger(__name__)


@contextmanager
def optional() -> Iterator[None]:
    """Let a run go on after the step in this block failed; the step has recorded why.

    Only an `Exception` is held back: Ctrl-C, cancellation and SystemExit end the run.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001  a step may fail in any way, and the run is to go on after each of them
        logger.error("a step failed, the run goes on: %s", describe(error))  # noqa: TRY400  the dashboard keeps the stack


def describe(error: BaseException) -> str:
    """An error in one line; one that nobody planned is named by its type."""
    text = str(error) if isinstance(error, SyncError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())
