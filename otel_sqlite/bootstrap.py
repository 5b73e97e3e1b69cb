"""configure(): the door through which a pipeline comes; whatever is wrong behind it is not worth a pipeline."""

import logging
import os
import threading

from otel_sqlite.settings import Settings, is_strict

_logger = logging.getLogger(__name__)

_lock = threading.Lock()
_recorded_in: os.PathLike[str] | None = None


def configure(path: str | os.PathLike[str] | None = None) -> None:
    """Record runs and steps in the dashboard database, and send spans to a collector when OTEL_EXPORTER_OTLP_ENDPOINT is set.

    Call it once, first thing in ``main``; a second call changes nothing. Where the application already has an OpenTelemetry
    TracerProvider, the dashboard joins it. Never raises, unless OTEL_SQLITE_STRICT is set.

    Args:
        path: The dashboard database; OTEL_SQLITE_PATH, else ``data/dashboard.sqlite``, by default. It is created when needed.
    """
    global _recorded_in  # noqa: PLW0603 - one process has one global provider
    with _lock:
        try:
            settings = Settings.from_env(path)
            if settings.is_sdk_disabled:
                return
            if _recorded_in is None:
                # The SDK reads the environment when it is loaded, and refuses what makes no sense there.
                from otel_sqlite.provider import attach  # noqa: PLC0415 - see above

                _recorded_in = attach(settings)
            elif path is not None and _recorded_in != settings.path:
                _logger.warning("configure() was called before: runs go on being recorded in %s", _recorded_in)
        except Exception as error:  # the boundary to the pipeline
            if is_strict():
                raise
            _logger.warning("tracking could not be set up, the pipeline goes on untracked: %s: %s", type(error).__name__, error)
