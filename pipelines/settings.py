"""The settings of the pipelines: the only reader of the environment in this package."""

import base64
import binascii
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from math import isfinite
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

from dotenv import load_dotenv

from pipelines.errors import SettingsError


class System(StrEnum):
    """The external systems that a pipeline may need."""

    SPORTLINK = "sportlink"
    NIKKI = "nikki"
    LAPOSTA = "laposta"
    RONDO_CLUB = "rondo-club"
    FREESCOUT = "freescout"


@dataclass(frozen=True, slots=True, kw_only=True)
class SportlinkSettings:
    """How to reach Sportlink Club; `otp_secret` is base32, `delay_s` the pause between members."""

    url: str
    username: str
    password: str = field(repr=False)
    otp_secret: str = field(repr=False)
    delay_s: float
    photo_delay_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NikkiSettings:
    """How to reach Nikki; `otp_secret` is a plain text, or an `otpauth://` address with everything in it."""

    url: str
    username: str
    password: str = field(repr=False)
    otp_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LapostaSettings:
    """How to reach Laposta; `list_ids` has an entry for each of the four lists, None where it is not used."""

    url: str
    api_key: str = field(repr=False)
    list_ids: tuple[str | None, ...]
    delay_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RondoClubSettings:
    """How to reach Rondo Club, and its term ids for the relation to a parent and to a child."""

    url: str
    username: str
    app_password: str = field(repr=False)
    parent_type: int
    child_type: int
    photo_delay_s: float
    contributions_delay_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeScoutFields:
    """FreeScout's ids of the customer fields that are filled in."""

    union_teams: int
    public_person_id: int
    member_since: int
    nikki_saldo: int
    nikki_status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeScoutSettings:
    """How to reach FreeScout; `url` is empty where the club has none."""

    url: str
    api_key: str = field(repr=False)
    fields: FreeScoutFields


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserSettings:
    """How pages are opened where a real browser opens them; `chromium` is its path, or empty for the one on PATH."""

    chromium: str
    debug_dir: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set.

    Attributes:
        retry_wait_s: The first pause before a retry; each further one is twice as long.
        shows_pushed_members: The summary names each member whose contact details went back to Sportlink.
    """

    sportlink: SportlinkSettings
    nikki: NikkiSettings
    laposta: LapostaSettings
    rondo_club: RondoClubSettings
    freescout: FreeScoutSettings
    browser: BrowserSettings
    state_dir: Path
    photo_dir: Path
    log_dir: Path
    retry_wait_s: float
    shows_pushed_members: bool = False

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read all settings; credentials that are not there stay empty until `require` asks for them.

        Raises:
            SettingsError: A value is there and cannot be used; names every such value.
        """
        env = _Environment(environ)
        photo_delay_s = env.seconds("PHOTO_DELAY_S", 0.2)
        settings = cls(
            sportlink=SportlinkSettings(
                url=env.url("SPORTLINK_URL", "https://club.sportlink.com"),
                username=env.text("SPORTLINK_USERNAME"),
                password=env.text("SPORTLINK_PASSWORD"),
                otp_secret=env.base32("SPORTLINK_OTP_SECRET"),
                delay_s=env.seconds("SPORTLINK_DELAY_S", 1.0),
                photo_delay_s=photo_delay_s,
            ),
            nikki=NikkiSettings(
                url=env.url("NIKKI_URL", "https://mijn.nikki-online.nl"),
                username=env.text("NIKKI_USERNAME"),
                password=env.text("NIKKI_PASSWORD"),
                otp_secret=env.otp_secret("NIKKI_OTP_SECRET"),
            ),
            laposta=LapostaSettings(
                url=env.url("LAPOSTA_URL", "https://api.laposta.nl"),
                api_key=env.text("LAPOSTA_API_KEY"),
                list_ids=tuple(env.text(f"LAPOSTA_LIST{n}") or None for n in ("", "2", "3", "4")),
                delay_s=env.seconds("LAPOSTA_DELAY_S", 2.0),
            ),
            rondo_club=RondoClubSettings(
                url=env.url("RONDO_URL", ""),
                username=env.text("RONDO_USERNAME"),
                app_password=env.text("RONDO_APP_PASSWORD"),
                parent_type=env.whole_number("RONDO_PARENT_TYPE", 2),
                child_type=env.whole_number("RONDO_CHILD_TYPE", 3),
                photo_delay_s=photo_delay_s,
                contributions_delay_s=env.seconds("NIKKI_DELAY_S", 0.5),
            ),
            freescout=FreeScoutSettings(
                url=env.url("FREESCOUT_BASE_URL", ""),
                api_key=env.text("FREESCOUT_API_KEY"),
                fields=FreeScoutFields(
                    union_teams=env.whole_number("FREESCOUT_FIELD_UNION_TEAMS", 1),
                    public_person_id=env.whole_number("FREESCOUT_FIELD_PUBLIC_PERSON_ID", 4),
                    member_since=env.whole_number("FREESCOUT_FIELD_MEMBER_SINCE", 5),
                    nikki_saldo=env.whole_number("FREESCOUT_FIELD_NIKKI_SALDO", 7),
                    nikki_status=env.whole_number("FREESCOUT_FIELD_NIKKI_STATUS", 8),
                ),
            ),
            browser=BrowserSettings(chromium=env.text("SYNC_CHROMIUM"), debug_dir=env.path("SYNC_DEBUG_DIR", "debug")),
            state_dir=env.path("SYNC_STATE_DIR", "data/state"),
            photo_dir=env.path("SYNC_PHOTO_DIR", "photos"),
            log_dir=env.path("SYNC_LOG_DIR", "logs"),
            retry_wait_s=env.seconds("SYNC_RETRY_WAIT_S", 1.0),
            shows_pushed_members=env.text("REVERSE_SYNC_DETAIL") == "detailed",
        )
        if env.unusable:
            raise SettingsError(unusable=env.unusable)
        return settings

    def require(self, *systems: System) -> None:
        """Check that what is needed to reach these systems is there.

        Raises:
            SettingsError: Names all settings that are missing.
        """
        missing = self._missing(systems)
        if missing:
            raise SettingsError(missing=missing)

    def has(self, system: System) -> bool:
        """Whether what is needed to reach this system is there."""
        return not self._missing([system])

    def _missing(self, systems: Iterable[System]) -> list[str]:
        return [name for system in systems for name, value in self._needed(system).items() if not value]

    def _needed(self, system: System) -> dict[str, str]:
        match system:
            case System.SPORTLINK:
                return {
                    "SPORTLINK_USERNAME": self.sportlink.username,
                    "SPORTLINK_PASSWORD": self.sportlink.password,
                    "SPORTLINK_OTP_SECRET": self.sportlink.otp_secret,
                }
            case System.NIKKI:
                return {
                    "NIKKI_USERNAME": self.nikki.username,
                    "NIKKI_PASSWORD": self.nikki.password,
                    "NIKKI_OTP_SECRET": self.nikki.otp_secret,
                }
            case System.LAPOSTA:
                return {"LAPOSTA_API_KEY": self.laposta.api_key}
            case System.RONDO_CLUB:
                return {
                    "RONDO_URL": self.rondo_club.url,
                    "RONDO_USERNAME": self.rondo_club.username,
                    "RONDO_APP_PASSWORD": self.rondo_club.app_password,
                }
            case System.FREESCOUT:
                return {"FREESCOUT_BASE_URL": self.freescout.url, "FREESCOUT_API_KEY": self.freescout.api_key}


def load_env_file(path: Path = Path(".env")) -> None:
    """Add what a `.env` file says to the environment, where the bridge finds its settings too; the environment wins.

    Raises:
        SettingsError: The file is there and cannot be read.
    """
    try:
        load_dotenv(path, override=False, interpolate=False)  # passwords may contain a $
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(unusable=[f"{path} cannot be read: {error}"]) from error


class _Environment:
    """Reads typed values from a mapping and remembers which of them it could not use."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.unusable: list[str] = []

    def text(self, name: str) -> str:
        return self._environ.get(name, "").strip()

    def path(self, name: str, default: str) -> Path:
        return Path(self.text(name) or default).expanduser()

    def seconds(self, name: str, default: float) -> float:
        try:
            value = float(self.text(name) or default)
        except ValueError:
            value = -1.0
        if not (isfinite(value) and value >= 0):
            self.unusable.append(f"{name} must be a number of seconds, 0 or more")
        return value

    def whole_number(self, name: str, default: int) -> int:
        text = self.text(name)
        if text and not text.isdecimal():
            self.unusable.append(f"{name} must be a whole number")
            return default
        return int(text or default)

    def url(self, name: str, default: str) -> str:
        url = self.text(name) or default
        if url and not _is_private(url):
            self.unusable.append(f"{name} must start with https:// (http:// is for this machine only)")
        return url

    def base32(self, name: str) -> str:
        secret = self.text(name).replace(" ", "")
        if not _is_base32(secret):
            self.unusable.append(f"{name} must be a base32 text, not an otpauth:// address")
        return secret

    def otp_secret(self, name: str) -> str:
        secret = self.text(name)
        if not _is_otp_secret(secret):
            self.unusable.append(f"{name} must be a text in ASCII, or an otpauth://totp/ address with a base32 secret")
        return secret


def _is_base32(secret: str) -> bool:
    try:
        base64.b32decode(secret + "=" * (-len(secret) % 8), casefold=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _is_otp_secret(secret: str) -> bool:
    if not secret.startswith("otpauth:"):
        return secret.isascii()
    address, _, query = secret.partition("?")
    return address.startswith("otpauth://totp/") and any(map(_is_base32, parse_qs(query).get("secret", [])))


def _is_private(url: str) -> bool:
    """Credentials sent to this address can be read by nobody on the way."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)))
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
