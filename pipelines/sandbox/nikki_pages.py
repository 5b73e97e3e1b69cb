"""The HTML and JavaScript of Nikki's pages."""

from html import escape

_LIBRARIES = ("/js/jquery-1.11.0.min.js", "/js/bootstrap-3.3.7.min.js", "/js/main.js")

INTERFERING_SCRIPT = 'document.querySelectorAll("form").forEach((form) => { form.onsubmit = () => false; });'
"""What the site's own script does to a browser that nobody sits at: the login form cannot be sent."""

# The rows come in two draws: who reads after the first has too few of them.
_TABLE_SCRIPT = """
const table = document.getElementById("datatable"), body = table.tBodies[0];
const draw = (rows) => rows.forEach((cells) => {
  const row = body.insertRow();
  cells.forEach((cell) => { row.insertCell().textContent = cell; });
});
const asked = fetch(table.dataset.ajax, { headers: { "X-Requested-With": "XMLHttpRequest" } });
asked.then((answer) => answer.json()).then(({ data }) => {
  body.replaceChildren();
  draw(data.slice(0, data.length / 2));
  setTimeout(() => draw(data.slice(data.length / 2)), 100);
});
"""


def login_page(token: str, *, error: str | None = None) -> str:
    """The form for user name, password and one-time code."""
    alert = f'<div class="alert alert-danger">{escape(error)}</div>' if error else ""
    return _page(
        "Inloggen",
        f'{alert}<form method="post" action="/login"><input type="hidden" name="_token" value="{token}">'
        '<input type="text" name="username" placeholder="Gebruikersnaam">'
        '<input type="password" name="password" placeholder="Wachtwoord">'
        '<input type="text" name="otp" placeholder="Code" autocomplete="off">'
        '<button type="submit" class="btn btn-primary">Inloggen</button></form>',
    )


def home_page() -> str:
    """What a browser sees once it is logged in."""
    return _page("Nikki", '<nav><a href="/leden">Leden</a></nav>')


def members_page() -> str:
    """The table of contributions, which is empty until its script has asked for the rows, and the report."""
    headings = ("Jaar", "Naam", "Geboren", "Lidnummer", "Elftal", "Nikki", "Saldo", "Status", "")
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    return _page(
        "Leden",
        '<nav><a href="/leden">Leden</a> <a href="/leden/rapport">Rapporten</a></nav>'
        f'<table id="datatable" data-ajax="/leden/data"><thead><tr>{head}</tr></thead><tbody>'
        f'<tr class="odd"><td colspan="{len(headings)}">Laden...</td></tr></tbody></table><script>{_TABLE_SCRIPT}</script>',
    )


def message_page(text: str) -> str:
    """A page that only says something."""
    return _page(text, "")


def _page(title: str, body: str) -> str:
    libraries = "".join(f'<script src="{path}"></script>' for path in _LIBRARIES)
    head = f'<head><meta charset="utf-8"><title>{escape(title)}</title><link rel="icon" href="data:,"></head>'
    return f'<!DOCTYPE html><html lang="nl">{head}<body><h1>{escape(title)}</h1>{body}{libraries}</body></html>'
