"""Laposta: subscribers of the mailing lists, over its REST API."""

from collections.abc import Mapping
from enum import StrEnum

import httpx

from pipelines.clients.http import Client, Http, Pace, Refusal, decoded
from pipelines.errors import LapostaError
from pipelines.settings import LapostaSettings

# The API demands the address that a subscriber signed up from; a sync has none, and this one marks its rows.
_SIGNUP_ADDRESS = "3.3.3.3"

_REMEDIES = {
    401: "check LAPOSTA_API_KEY",
    402: "check the account at Laposta",
    404: "check LAPOSTA_LIST, LAPOSTA_LIST2, LAPOSTA_LIST3 and LAPOSTA_LIST4",
}
_CORRECT_ADDRESS = "correct the address in Sportlink"


class Upsert(StrEnum):
    """What an upsert did."""

    ADDED = "added"
    UPDATED = "updated"


class LapostaClient(Client):
    """Adds and updates subscribers, no faster than the settings allow."""

    def __init__(
        self, settings: LapostaSettings, *, retry_wait_s: float = 1.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        auth = (settings.api_key, "")
        super().__init__(
            Http(
                LapostaError,
                _explain,
                retry_wait_s=retry_wait_s,
                base_url=settings.url,
                auth=auth,
                transport=transport,
            )
        )
        self._pace = Pace(settings.delay_s)

    def upsert_member(self, list_id: str, email: str, custom_fields: Mapping[str, str], *, subject: str | None = None) -> Upsert:
        """Add a subscriber to a list, or replace what the list knows of that address; who unsubscribed stays unsubscribed.

        Args:
            list_id: The list's id at Laposta.
            email: The address, which is the subscriber's key.
            custom_fields: Values of the list's own fields by name.
            subject: The item id to name in an error.
        """
        form = {"list_id": list_id, "ip": _SIGNUP_ADDRESS, "email": email, "options[upsert]": "true"}
        form["options[suppress_reactivation]"] = "true"
        form |= {f"custom_fields[{name}]": value for name, value in custom_fields.items()}
        self._pace.wait()
        answer = self._http.ask_object("upsert subscriber", "POST", "/v2/member", subject=subject, data=form)
        member = answer.get("member")
        if not isinstance(member, dict):
            raise LapostaError("upsert subscriber", subject=subject, reason="the answer shows no member")
        # Laposta answers an addition and an update alike, but for these two times.
        return Upsert.ADDED if member.get("signup_date") == member.get("modified") else Upsert.UPDATED


def _explain(response: httpx.Response) -> Refusal:
    body = decoded(response)
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return Refusal(remedy=_REMEDIES.get(response.status_code))
    about_address = error.get("parameter") == "email"
    remedy = _CORRECT_ADDRESS if about_address else _REMEDIES.get(response.status_code)
    return Refusal(reason=str(error.get("message") or ""), remedy=remedy)
