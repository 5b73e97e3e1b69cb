"""The HTML of Sportlink's pages: as much of it as a browser, or a client that follows forms, looks at."""

from collections.abc import Mapping
from html import escape

LOGIN_ACTION = "/auth/realms/sportlink/login-actions/authenticate"

CONTACT_INPUTS = {"Email": "E-mail", "Email2": "E-mail 2", "Mobile": "Mobiel", "Phone": "Telefoon"}


def login_page(token: str, *, error: str | None = None) -> str:
    """The form for user name and password."""
    fields = (
        '<label for="username">Gebruikersnaam</label><input id="username" name="username" type="text" autofocus>'
        '<label for="password">Wachtwoord</label><input id="password" name="password" type="password">'
    )
    return _login_form("Inloggen", token, fields, error)


def code_page(token: str, *, error: str | None = None) -> str:
    """The form for the one-time code."""
    field = '<label for="otp">Eenmalige code</label><input id="otp" name="otp" type="text" autocomplete="one-time-code">'
    return _login_form("Eenmalige code", token, field, error)


def dashboard_page() -> str:
    """What a browser sees once it is logged in."""
    return _page("Sportlink Club", '<div id="panelHeaderTasks"><h2>Taken</h2></div><a href="/member/search">Leden zoeken</a>')


def search_page() -> str:
    """The search for members."""
    return _page(
        "Leden zoeken",
        '<button id="btnShowMore" type="button">Meer zoekopties</button>'
        '<label><input id="scFetchUnionTeams_input" name="FetchUnionTeams" type="checkbox"> Bondsteams ophalen</label>'
        '<button id="btnSearch" type="button">Zoeken</button>',
    )


def member_page(knvb_id: str, name: str, *, csrf_token: str, values: Mapping[str, str], error: str | None = None) -> str:
    """The general tab of a member, with its form."""
    inputs = "".join(
        f'<label for="{field}">{label}</label><input id="{field}" name="{field}" type="text" value="{escape(values[field])}">'
        for field, label in CONTACT_INPUTS.items()
    )
    action = f"/member/member-details/{escape(knvb_id)}/general"
    return _page(
        name,
        f'<button id="btnEdit" type="button" data-action="edit">Wijzig</button>{_error("error", error)}'
        f'<form id="general" method="post" action="{action}"><input type="hidden" name="_csrf" value="{csrf_token}">'
        f'{inputs}<button id="btnSave" type="submit">Sla op</button></form>',
    )


def message_page(title: str, text: str) -> str:
    """A page that only says something."""
    return _page(title, f"<p>{escape(text)}</p>")


def _login_form(title: str, token: str, fields: str, error: str | None) -> str:
    return _page(
        title,
        f'{_error("input-error", error)}<form id="kc-form-login" method="post" action="{LOGIN_ACTION}?client_id=sportlink-club">'
        f'<input type="hidden" name="session_code" value="{token}">{fields}'
        '<button id="kc-login" name="login" type="submit">Inloggen</button></form>',
    )


def _error(element_id: str, text: str | None) -> str:
    return f'<span id="{element_id}" class="error" aria-live="polite">{escape(text)}</span>' if text else ""


def _page(title: str, body: str) -> str:
    head = f'<head><meta charset="utf-8"><title>{escape(title)}</title></head>'
    return f'<!DOCTYPE html><html lang="nl">{head}<body><h1>{escape(title)}</h1>{body}</body></html>'
