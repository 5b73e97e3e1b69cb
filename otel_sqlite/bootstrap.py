"""The doors of tracking: configure() for a pipeline, join() for what is around it; what goes wrong is not worth a pipeline."""

import logging
import os
import threading
from typing import TYPE_CHECKING

from opentelemetry import trace

from otel_sqlite import instrument
from otel_sqlite.settings import Settings, is_strict

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_sqlite.processor import DashboardSpanProcessor

_logger = logging.getLogger(__name__)

_Path = str | os.PathLike[str] | None

_lock = threading.Lock()
_dashboard: "DashboardSpanProcessor | None" = None  # one process has one global provider
_is_asked_for = False  # by configure()


def configure(path: _Path = None) -> None:
    """Record runs and steps in the dashboard database, and send spans to a collector when OTEL_EXPORTER_OTLP_ENDPOINT is set.

    Call it once, first thing in ``main``; a second call changes nothing. Where the application already has an OpenTelemetry
    TracerProvider, the dashboard joins it. Never raises, unless OTEL_SQLITE_STRICT is set.

    Args:
        path: The dashboard database; OTEL_SQLITE_PATH, else ``data/dashboard.sqlite``, by default. It is created when needed.
    """
    with _lock:
        _harmlessly(_configure, path)


def join(path: _Path = None) -> bool:
    """Record what a program does that did not ask for it, if it has a TracerProvider; whether runs are recorded now.

    The program may still ask: a configure() that comes before the first run may name another database.
    """
    # Who holds the lock does the same, and may be who called this, by setting a provider.
    if not _lock.acquire(blocking=False):
        return False
    try:
        _harmlessly(_join, path)
        return _dashboard is not None
    finally:
        _lock.release()


def _harmlessly(set_up: "Callable[[_Path, Settings], None]", path: _Path) -> None:
    try:
        settings = Settings.from_env(path)
        if not settings.is_sdk_disabled:
            set_up(path, settings)
    except Exception as error:  # the boundary to the pipeline
        if is_strict():
            raise
        _logger.warning("tracking could not be set up, the pipeline goes on untracked: %s: %s", type(error).__name__, error)


def _configure(path: _Path, settings: Settings) -> None:
    global _dashboard, _is_asked_for  # noqa: PLW0603 - one process has one global provider
    if _dashboard is None:
        # The SDK reads the environment when it is loaded, and refuses what makes no sense there.
        from otel_sqlite.provider import attach  # noqa: PLC0415 - see above

        _dashboard = attach(settings)
        if instrument.is_in_unseen_run():
            _logger.warning("configure() was called inside a run, which is not recorded: call it first thing in main")
    elif _is_asked_for or path is None or not _dashboard.move(settings.path):
        _say_where(path, settings, _dashboard)
    _is_asked_for = True


def _join(path: _Path, settings: Settings) -> None:
    global _dashboard  # noqa: PLW0603 - as above
    if _dashboard is not None:
        _say_where(path, settings, _dashboard)
    elif not isinstance(existing := trace.get_tracer_provider(), trace.ProxyTracerProvider):
        from otel_sqlite import provider  # noqa: PLC0415 - as above

        _dashboard = provider.join(existing, settings, is_asked_for=False)


def _say_where(path: _Path, settings: Settings, dashboard: "DashboardSpanProcessor") -> None:
    if path is not None and dashboard.path != settings.path:
        _logger.warning("tracking is set up already: runs go on being recorded in %s", dashboard.path)
