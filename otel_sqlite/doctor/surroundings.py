"""Examines what the bridge works with: settings, optional packages, the SQLite library."""

import sqlite3
from importlib.util import find_spec
from typing import Final

from otel_sqlite import settings
from otel_sqlite.doctor.finding import Case, Findings, note, problem
from otel_sqlite.settings import Sending

_EXPORTERS: Final = {
    "http/protobuf": ("opentelemetry.exporter.otlp.proto.http", "otlp"),
    "grpc": ("opentelemetry.exporter.otlp.proto.grpc", "otlp-grpc"),
}
_WAL_RESET_MENDED: Final = (3, 51, 3)


def settings_make_sense(case: Case) -> Findings:
    """Whether the environment says something that is not heeded, or that switches tracking off."""
    del case
    if settings.is_sdk_disabled():
        yield problem("sdk-disabled", "OTEL_SDK_DISABLED=true: nothing is recorded", "unset OTEL_SDK_DISABLED")
    for wrong in settings.misunderstood():
        yield problem(
            "wrong-setting", f"{wrong.name}={wrong.value!r} is not {wrong.wanted}", f"unset {wrong.name} (or correct it)"
        )


def sent_spans_are_scrubbed(case: Case) -> Findings:
    """Whether the environment makes others send spans, which they do not scrub."""
    del case
    if settings.is_otlp_named() and settings.leaves_unscrubbed():
        yield note(
            "unscrubbed-spans",
            "an OTLP exporter is named in the environment: under opentelemetry-instrument, or a provider that others made, "
            "spans leave as they are, with what they say of members",
            "unset OTEL_TRACES_EXPORTER (or OTEL_CONFIG_FILE) and let configure() make the provider, or wrap the exporter in "
            "otel_sqlite.privacy.PrivateSpanExporter (OTEL_SQLITE_PRIVACY=off: they may)",
        )


def extras_are_there(case: Case) -> Findings:
    """Whether what the settings ask for is installed."""
    del case
    if find_spec("rich") is None:
        yield problem("missing-extra", "rich is not installed: no table can be drawn", "pip install 'otel-sqlite[cli]'")
    if settings.has_collector():
        package, extra = _EXPORTERS[Sending.from_env().protocol]
        if not _is_there(package):
            yield problem(
                "missing-extra",
                "an OTLP endpoint is set, but nothing is sent: the exporter is missing",
                f"pip install 'otel-sqlite[{extra}]'",
            )


def sqlite_is_sound(case: Case) -> Findings:
    """Whether the library has the WAL-reset bug, from which writers protect each other by the mutex."""
    del case
    if sqlite3.sqlite_version_info < _WAL_RESET_MENDED:
        yield note(
            "sqlite-version",
            f"SQLite {sqlite3.sqlite_version} can damage a database that two write at once (mended in 3.51.3); "
            "the bridge writes one at a time, other programs may not",
        )


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False
