"""All the flow control that a pipeline needs: a step whose failure does not end the run."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.errors import SyncError
from pipelines.result import ErrorRecord

logger = logging.getLogger(__name__)


@contextmanager
def optional(failures: list[ErrorRecord], system: str) -> Iterator[None]:
    """Let a run go on after the step in this block failed.

    Only an `Exception` is held back: Ctrl-C, cancellation and SystemExit end the run.

    Args:
        failures: Takes the failure, so that the run does not pass for a success.
        system: The failure's tag.
    """
    try:
        yield
    except Exception as error:  # a step may fail in any way, and the run is to go on after each of them
        failures.append(ErrorRecord(message=str(error) or type(error).__name__, system=system))
        logger.error("%s failed, the run goes on: %s", system, log_text(error))  # noqa: TRY400  the dashboard keeps the stack
        logger.debug("%s failed", system, exc_info=True)


def log_text(error: BaseException) -> str:
    """An error in one line, fit for a log: a text that is not ours may hold member data, and stays on the dashboard."""
    return error.log_text if isinstance(error, SyncError) else f"{type(error).__name__} (otel-sqlite errors shows more)"
