"""The HTML and JavaScript of Sportlink's pages: as much of it as a browser, or a client that follows forms, looks at."""

from collections.abc import Mapping, Sequence
from html import escape

from pipelines.sandbox.entities import ENTITY

LOGIN_ACTION = "/auth/realms/sportlink/login-actions/authenticate"

CONTACT_INPUTS = {"Email": "E-mail", "Email2": "E-mail 2", "Mobile": "Mobiel", "Phone": "Telefoon"}

ANALYTICS = "/analytics/collect"

# A page asks for what it shows: `data-asks` names the addresses, of the page itself or of a button on it.
_SCRIPT = """
const ask = (addresses) => addresses.split(" ").forEach((address) => fetch(address));
const click = (selector, act) => document.querySelectorAll(selector).forEach((button) => button.addEventListener("click", act));
if (document.body.dataset.asks) ask(document.body.dataset.asks);
click("button[data-asks]", (event) => ask(event.target.dataset.asks));
"""
_SEARCH_SCRIPT = f"""
const union = document.getElementById("scFetchUnionTeams_input");
click("#btnShowMore", () => {{ document.getElementById("more").hidden = false; }});
click("#btnSearch", async () => {{
  fetch("{ANALYTICS}?event=SearchMembers", {{ method: "POST" }});
  const answer = await fetch("{ENTITY}/member/search/SearchMembers", {{
    method: "POST",
    headers: {{ "Content-Type": "application/json" }},
    body: JSON.stringify({{ FetchUnionTeams: union.checked }}),
  }});
  const {{ Members }} = await answer.json();
  document.getElementById("found").textContent = `${{Members.length}} leden gevonden`;
}});
"""
_FORM_SCRIPT = """
const save = document.getElementById("btnSave");
const lock = (locked) => {
  document.querySelectorAll("#general input[type=text]").forEach((input) => { input.readOnly = locked; });
  save.disabled = locked;
};
lock(true);
click("#btnEdit", () => lock(false));
"""


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
        '<div id="more" hidden><label><input id="scFetchUnionTeams_input" name="FetchUnionTeams" type="checkbox"> '
        'Bondsteams ophalen</label></div><button id="btnSearch" type="button">Zoeken</button><output id="found"></output>',
        script=_SCRIPT + _SEARCH_SCRIPT,
    )


def asking_page(title: str, *addresses: str, tabs: Sequence[tuple[str, str]] = ()) -> str:
    """A page that asks for what it shows.

    Args:
        title: Its heading.
        addresses: What it asks for at once, in this order.
        tabs: The name of each tab, and what that asks for when it is clicked, parted by spaces.
    """
    buttons = "".join(f'<button type="button" role="tab" data-asks="{escape(asks)}">{name}</button>' for name, asks in tabs)
    return _page(title, buttons, script=_SCRIPT, asks=" ".join(addresses))


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
        script=_SCRIPT + _FORM_SCRIPT,
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


def _page(title: str, body: str, *, script: str = "", asks: str = "") -> str:
    head = f'<head><meta charset="utf-8"><title>{escape(title)}</title><link rel="icon" href="data:,"></head>'
    asking = f' data-asks="{escape(asks)}"' if asks else ""
    acting = f"<script>{script}</script>" if script else ""
    return f'<!DOCTYPE html><html lang="nl">{head}<body{asking}><h1>{escape(title)}</h1>{body}{acting}</body></html>'
