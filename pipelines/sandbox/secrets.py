"""Made-up credentials, the same for the same seed."""

import base64
import hashlib


def secret(seed: int, purpose: str, length: int = 24) -> str:
    """Lower-case letters and digits."""
    return hashlib.sha256(f"{seed}:{purpose}".encode()).hexdigest()[:length]


def otp_secret(seed: int) -> str:
    """A base32 secret for one-time codes, as an authenticator app takes it."""
    return base64.b32encode(hashlib.sha256(f"{seed}:otp".encode()).digest()[:20]).decode()


def basic_credentials(authorization: str) -> tuple[str, str] | None:
    """User and password of an Authorization header, or None when it holds none."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return None
    return (user, password) if scheme.lower() == "basic" and colon else None
