"""Who is logged in where a browser is needed: the steps of a login, one-time codes and sessions."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_urlsafe

import pyotp

SESSION_S = 30 * 60
LOGIN_S = 5 * 60
CODE_WINDOW = 1  # one code early or late is accepted, as clocks differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The one account of the club; the secret of its one-time codes is base32."""

    username: str
    password: str
    otp_secret: str


@dataclass(slots=True, kw_only=True)
class Attempt:
    """A login under way, held by a browser.

    Attributes:
        token: What the form carries.
        target: Where the browser wanted to go.
    """

    token: str
    target: str
    expires_at: float
    knows_password: bool = False


@dataclass(slots=True, kw_only=True)
class Session:
    """A browser that is logged in.

    Attributes:
        csrf_token: What every form that changes something has to send back.
        searching: Whether the search page was opened.
    """

    csrf_token: str
    expires_at: float
    searching: bool = False


class Logins:
    """Attempts and sessions by their cookies. They end with the process, as they do when the real system is restarted.

    Args:
        account: Who may log in.
        clock: The time, in seconds since 1970.
        once: Whether a code is good once only.
    """

    def __init__(self, account: Account, *, clock: Callable[[], float], once: bool = True) -> None:
        self._account = account
        self._once = once
        self._totp = pyotp.TOTP(account.otp_secret)
        self._clock = clock
        self._attempts: dict[str, Attempt] = {}
        self._sessions: dict[str, Session] = {}
        self._last_code_counter = 0

    def begin(self, target: str) -> tuple[str, Attempt]:
        """A new attempt and its cookie."""
        self._attempts = {cookie: kept for cookie, kept in self._attempts.items() if kept.expires_at > self._clock()}
        cookie = token_urlsafe(16)
        attempt = Attempt(token=token_urlsafe(16), target=target, expires_at=self._clock() + LOGIN_S)
        self._attempts[cookie] = attempt
        return cookie, attempt

    def find_attempt(self, cookie: str | None, token: str) -> Attempt | None:
        """The attempt that this browser and this form belong to."""
        attempt = self._attempts.get(cookie or "")
        is_known = attempt and attempt.expires_at > self._clock() and hmac.compare_digest(attempt.token, token)
        return attempt if is_known else None

    def check_password(self, attempt: Attempt, username: str, password: str) -> bool:
        """The first step."""
        given = (username.strip().lower().encode(), password.encode())
        known = (self._account.username.encode(), self._account.password.encode())
        attempt.knows_password = hmac.compare_digest(given[0], known[0]) and hmac.compare_digest(given[1], known[1])
        return attempt.knows_password

    def check_code(self, code: str) -> bool:
        """The second step. Where a code is good once, so is every older one."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        current = self._totp.timecode(now)
        for counter in range(max(current - CODE_WINDOW, self._last_code_counter + 1), current + CODE_WINDOW + 1):
            if hmac.compare_digest(self._totp.generate_otp(counter).encode(), code.strip().encode()):
                self._last_code_counter = counter if self._once else 0
                return True
        return False

    def finish(self, cookie: str) -> str:
        """End the attempt and give the cookie of the session that comes of it."""
        self._attempts.pop(cookie, None)
        session_cookie = token_urlsafe(24)
        self._sessions[session_cookie] = Session(csrf_token=token_urlsafe(16), expires_at=self._clock() + SESSION_S)
        return session_cookie

    def find_session(self, cookie: str | None) -> Session | None:
        """The session of a browser; every use keeps it alive."""
        session = self._sessions.get(cookie or "")
        if session is None or session.expires_at <= self._clock():
            return None
        session.expires_at = self._clock() + SESSION_S
        return session

    def end_sessions(self) -> None:
        """Log everybody out."""
        self._sessions = {}

    def forget_codes(self) -> None:
        """Take codes that were used before once more, so that a test need not wait for the next."""
        self._last_code_counter = 0
