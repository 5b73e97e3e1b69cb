"""One-time codes, made of the keys that systems give out, however short these are."""

import base64
from urllib.parse import parse_qsl, urlencode, urlsplit

import pyotp

_SHORTEST_KEY = 14


def codes_of_text(key: str) -> pyotp.TOTP:
    """The codes of a key that is a plain text."""
    return pyotp.TOTP(_padded(key.encode()))


def codes_of_base32(secret: str) -> pyotp.TOTP:
    """The codes of a key in base32."""
    return pyotp.TOTP(_padded(_decoded(secret)))


def codes_of_address(address: str) -> pyotp.TOTP:
    """The codes of an otpauth:// address, which may say how they are made.

    Raises:
        ValueError: The address makes no codes that change with the time.
    """
    parts = urlsplit(address)
    query = dict(parse_qsl(parts.query))
    query["secret"] = _padded(_decoded(query.get("secret", "")))
    codes = pyotp.parse_uri(parts._replace(query=urlencode(query)).geturl())
    if not isinstance(codes, pyotp.TOTP):
        raise ValueError("not an address of codes that change with the time")  # noqa: TRY004  the value is of the wrong kind
    return codes


def _decoded(secret: str) -> bytes:
    return base64.b32decode(secret + "=" * (-len(secret) % 8), casefold=True)


def _padded(key: bytes) -> str:
    """A key in base32, of the length that pyotp insists on: an HMAC fills it up with zeros anyway (RFC 2104, section 2)."""
    return base64.b32encode(key.ljust(_SHORTEST_KEY, b"\0")).decode()
