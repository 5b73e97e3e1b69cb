"""The settings of the bridge: the only reader of the environment. A senseless value is reported and its default used."""

import logging
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_logger = logging.getLogger(__name__)

DEFAULT_PATH = "data/dashboard.sqlite"
DEFAULT_CLUB = "rondo"
PARENT_RUN_ID = "OTEL_SQLITE_PARENT_RUN_ID"  # set by one process for another

_LARGEST = 1e9


def _is_number(text: str) -> bool:
    try:
        return 0 <= float(text) < _LARGEST
    except ValueError:
        return False


_SAMPLERS = {
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
}
_PROTOCOLS = ("http/protobuf", "grpc")
_PRIVACY = ("on", "off")
_SHORTEST_KEY = 16
_FLAGS = {"true", "false", "1", "0", "yes", "no", "on", "off"}
_FORMS: "tuple[tuple[str, str, Callable[[str], bool]], ...]" = (
    (r"OTEL_(SQLITE_EXIT_TIMEOUT|EXPORTER_OTLP_(TRACES_)?TIMEOUT)", "a number of seconds", _is_number),
    (r"OTEL_SQLITE_RETENTION_DAYS", "a number of days, 1 or more", lambda t: _is_number(t) and float(t) >= 1),
    (
        r"OTEL_((SPAN_|EVENT_|LINK_)?ATTRIBUTE_(COUNT|VALUE_LENGTH)_LIMIT|SPAN_(EVENT|LINK)_COUNT_LIMIT|BSP_\w+)",
        "a whole number",
        str.isdecimal,
    ),
    (r"OTEL_TRACES_SAMPLER", "a sampler", lambda t: t.lower() in _SAMPLERS),
    (r"OTEL_SQLITE_STRICT", "true or false", lambda t: t.lower() in _FLAGS),
    (r"OTEL_SDK_DISABLED", "true or false", lambda t: t.lower() in {"true", "false"}),  # as the specification has it
    (r"OTEL_SQLITE_PRIVACY", "on or off", lambda t: t.lower() in _PRIVACY),
    (r"OTEL_EXPORTER_OTLP_(TRACES_)?PROTOCOL", "http/protobuf or grpc", lambda t: t.lower() in _PROTOCOLS),
    (
        r"OTEL_EXPORTER_OTLP_(TRACES_)?ENDPOINT",
        "an address that begins with http:// or https://",
        lambda t: t.startswith(("http://", "https://")),
    ),
)


class Settings(NamedTuple):
    """What the environment says.

    Attributes:
        path: The dashboard database, absolute: a later chdir does not move it.
        retention_days: Age at which runs are deleted; error rows go earlier, the last completed run of a pipeline stays.
        exit_timeout_s: The longest time that what is left to do may delay the exit of a process; 0 is allowed.
        strict: Raise what would otherwise be logged (for tests).
        otlp: Whether an OTLP endpoint is set, and no other exporters are chosen instead.
        is_sdk_disabled: Whether OpenTelemetry is switched off, and tracking with it.
    """

    path: "Path"
    retention_days: int = 400
    exit_timeout_s: float = 5.0
    strict: bool = False
    otlp: bool = False
    is_sdk_disabled: bool = False

    @classmethod
    def from_env(cls, path: str | os.PathLike[str] | None = None) -> "Settings":
        """Read the environment; an explicit path wins over OTEL_SQLITE_PATH."""
        env = os.environ
        return cls(
            path=database_path(path),
            retention_days=int(_number(env, "OTEL_SQLITE_RETENTION_DAYS", 400, least=1)),
            exit_timeout_s=_number(env, "OTEL_SQLITE_EXIT_TIMEOUT", 5.0),
            strict=is_strict(),
            is_sdk_disabled=is_sdk_disabled(),
            otlp=has_collector(env),
        )


class Sending(NamedTuple):
    """How spans leave for a collector.

    Attributes:
        protocol: ``http/protobuf`` or ``grpc``.
        is_private: Whether they leave without what they say of members.
        hash_key: The key of the hashes that then stand for identifiers; None: identifiers are left out.
    """

    protocol: str = "http/protobuf"
    is_private: bool = True
    hash_key: bytes | None = None

    def __repr__(self) -> str:
        """Without the key: a representation ends up in logs."""
        return f"Sending(protocol={self.protocol!r}, is_private={self.is_private})"

    @classmethod
    def from_env(cls) -> "Sending":
        """Read OTEL_EXPORTER_OTLP_PROTOCOL, its variant for traces, OTEL_SQLITE_PRIVACY and OTEL_SQLITE_HASH_KEY."""
        env = os.environ
        return cls(
            protocol=_choice("OTEL_EXPORTER_OTLP_PROTOCOL", _otlp(env, "PROTOCOL"), _PROTOCOLS),
            is_private=_choice("OTEL_SQLITE_PRIVACY", env.get("OTEL_SQLITE_PRIVACY", ""), _PRIVACY) == "on",
            hash_key=_hash_key(env.get("OTEL_SQLITE_HASH_KEY", "").strip()),
        )


class Wrong(NamedTuple):
    """A variable whose value is not understood."""

    name: str
    value: str
    wanted: str


def misunderstood() -> "Iterator[Wrong]":
    """The variables of OpenTelemetry and of the bridge that are set to something without a meaning."""
    for name, value in sorted(os.environ.items()):
        for names, wanted, is_right in _FORMS:
            if value.strip() and re.fullmatch(names, name) and not is_right(value.strip()):
                yield Wrong(name, value, wanted)


def database_path(path: str | os.PathLike[str] | None = None) -> "Path":
    """The dashboard database, absolute: an explicit path wins over OTEL_SQLITE_PATH."""
    return _absolute(_path(path or os.environ.get("OTEL_SQLITE_PATH") or DEFAULT_PATH))


def is_sdk_disabled() -> bool:
    """Whether OpenTelemetry is switched off, and tracking with it."""
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def has_collector(env: "Mapping[str, str]" = os.environ) -> bool:
    """Whether spans are sent to an OpenTelemetry collector: one is named, and OTEL_TRACES_EXPORTER chooses no others."""
    return bool(_otlp(env, "ENDPOINT")) and _is_otlp_chosen(env.get("OTEL_TRACES_EXPORTER", ""))


def leaves_unscrubbed() -> bool:
    """Whether the environment lets a provider that is not ours send by OTLP what OTEL_SQLITE_PRIVACY would have scrubbed."""
    env = os.environ
    is_private = env.get("OTEL_SQLITE_PRIVACY", "").strip().lower() != "off"
    is_sent_by_code = bool(_otlp(env, "ENDPOINT")) and not env.get("OTEL_TRACES_EXPORTER", "").strip()
    return is_private and (is_otlp_named() or is_sent_by_code)


def is_otlp_named() -> bool:
    """Whether those who set OpenTelemetry up from outside are told to send by OTLP: by a file, else by OTEL_TRACES_EXPORTER."""
    if file := os.environ.get("OTEL_CONFIG_FILE", "").strip():
        try:
            return "otlp" in _path(file).read_text(errors="replace")
        except OSError:
            return False
    exporters = os.environ.get("OTEL_TRACES_EXPORTER", "")
    return bool(exporters.strip()) and _is_otlp_chosen(exporters)


def is_strict() -> bool:
    """Whether errors of tracking are raised instead of logged."""
    return os.environ.get("OTEL_SQLITE_STRICT", "").strip().lower() in {"1", "true", "yes", "on"}


class ReceiverToken(NamedTuple):
    """Where the environment has the secret that clients of the receiver show.

    Attributes:
        value: The secret itself.
        file: A file that holds it.
    """

    value: str | None = None
    file: "Path | None" = None

    def __repr__(self) -> str:
        """Without the secret, as above."""
        return f"ReceiverToken(file={self.file!r})"

    @classmethod
    def from_env(cls) -> "ReceiverToken":
        """Read OTEL_SQLITE_RECEIVER_TOKEN and OTEL_SQLITE_RECEIVER_TOKEN_FILE."""
        file = os.environ.get("OTEL_SQLITE_RECEIVER_TOKEN_FILE")
        return cls(value=os.environ.get("OTEL_SQLITE_RECEIVER_TOKEN") or None, file=_path(file) if file else None)


def trace_carrier() -> dict[str, str]:
    """The W3C trace context that a calling process left in the environment, as a propagation carrier."""
    names = ("TRACEPARENT", "TRACESTATE")
    return {name.lower(): os.environ[name] for name in names if name in os.environ}


def calling_run_id() -> str | None:
    """The id of the run in the calling process that started this one."""
    return os.environ.get(PARENT_RUN_ID) or None


def _path(path: str | os.PathLike[str]) -> "Path":
    from pathlib import Path  # noqa: PLC0415 - a tenth of the time that `from otel_sqlite import run` may take, for nothing

    return Path(path)


def _absolute(path: "Path") -> "Path":
    with suppress(RuntimeError):  # no such home: then it is a folder of that name
        path = path.expanduser()
    try:
        return path.resolve()  # through links: the lock and the journals lie beside the file itself
    except (OSError, RuntimeError):  # the working directory is gone, or links go in a circle: opening it will say so
        return path


def _otlp(env: "Mapping[str, str]", name: str) -> str:
    """The value of an OTLP exporter's variable: the one for traces wins over the one for everything."""
    return env.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}", "").strip() or env.get(f"OTEL_EXPORTER_OTLP_{name}", "").strip()


def _is_otlp_chosen(exporters: str) -> bool:
    """Whether a list of exporters leaves OTLP in; one that is empty says nothing. ``none`` is a list of none."""
    names = [name.strip() for name in exporters.split(",") if name.strip()]
    return not names or any(name.startswith("otlp") for name in names)


def _choice(name: str, raw: str, choices: "Sequence[str]") -> str:
    """One of the choices, the first by default."""
    value = raw.strip().lower() or choices[0]
    if value in choices:
        return value
    _logger.warning("%s=%r is not %s: %s is used instead", name, raw, " or ".join(choices), choices[0])
    return choices[0]


def _hash_key(raw: str) -> bytes | None:
    """The key, unless it is so short that who has the hashes finds it, and then the identifiers, by trying."""
    if 0 < len(raw) < _SHORTEST_KEY:
        _logger.warning("OTEL_SQLITE_HASH_KEY has less than %d characters: identifiers are left out instead", _SHORTEST_KEY)
    return raw.encode(errors="surrogateescape") if len(raw) >= _SHORTEST_KEY else None


def _number(env: "Mapping[str, str]", name: str, default: float, least: float = 0) -> float:
    raw = env.get(name, "").strip()
    if not raw:
        return default
    try:
        value = float(raw)
    except ValueError:
        value = -1.0
    if not least <= value < _LARGEST:  # also refuses nan
        _logger.warning("%s=%r is not a number of %g or more: %g is used instead", name, raw, least, default)
        return default
    return value
