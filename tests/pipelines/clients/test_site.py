"""The rules of the port to web sites: they hold for plain HTTP and for a real browser."""

import json
import stat
from contextlib import ExitStack, closing
from dataclasses import replace

import httpx
import pytest

from pipelines.clients.http import Call, Http, Refusal
from pipelines.clients.http_site import HttpSite
from pipelines.clients.site import Ask, Form, SessionEndedError
from pipelines.errors import NikkiError, NikkiLoginError
from pipelines.settings import BrowserSettings

LOOK = Call(operation="look", subject="QXZT41P")
WANTED = Ask(path="/entity/Wanted", query={"id": "1"}, timeout_s=60)
REQUIRED = replace(WANTED, is_required=True)
A_MOMENT_S = 0.3
FORM = Form(css="form:has(#name)", button="button", edit="#edit")


class EndedError(NikkiLoginError, SessionEndedError):
    pass


def explain(response):
    if response.is_redirect:
        return Refusal(reason="the session has ended", error=EndedError)
    return Refusal(reason="refused" if "refused" in response.text else None)


def page(body, status=200, **headers):
    # A browser asks for an icon, unless the page has one; the scripted server would take that for its next request.
    text = f'<!DOCTYPE html><html><head><link rel="icon" href="data:,"></head><body>{body}</body></html>'
    return httpx.Response(status, content=text.encode(), headers={"Content-Type": "text/html; charset=utf-8", **headers})


def asking(*urls):
    return page("<script>" + "".join(f"fetch({json.dumps(url)});" for url in urls) + "</script>")


@pytest.fixture
def visit():
    """Makes the site at a URL, left at the end."""
    with ExitStack() as opened:

        def visit_(url, browser, **options):
            http = opened.enter_context(closing(Http(NikkiError, explain, retry_wait_s=0, base_url=url)))
            if browser is None:
                return HttpSite(http)
            from pipelines.clients.browser_site import BrowserSite  # noqa: PLC0415  an extra

            return opened.enter_context(closing(BrowserSite(http, url, browser, **options)))

        yield visit_


def test_a_page_is_opened_and_what_it_asks_for_is_given(serve, visit, browser):
    script = serve(asking("/entity/Wanted?id=1"), httpx.Response(200, json={"a": [1]}))

    answers = visit(script.url, browser).open(LOOK, "/page", asks=[WANTED])

    assert answers == [{"a": [1]}]
    assert script.received == ["GET /page", "GET /entity/Wanted?id=1"]


def test_an_answer_that_is_not_there_is_none(serve, visit, browser):
    script = serve(asking("/entity/Wanted?id=1"), httpx.Response(404, json={"error": "not found"}))

    assert visit(script.url, browser).open(LOOK, "/page", asks=[WANTED]) == [None]


def test_an_answer_that_is_not_json_is_none(serve, visit, browser):
    script = serve(asking("/entity/Wanted?id=1"), page("text"))

    assert visit(script.url, browser).open(LOOK, "/page", asks=[WANTED]) == [None]


def test_an_answer_that_has_to_be_there_is_an_error_where_it_is_not(serve, visit, browser):
    script = serve(asking("/entity/Wanted?id=1"), httpx.Response(404))

    with pytest.raises(NikkiError, match=r"^nikki: look QXZT41P: "):
        visit(script.url, browser).open(LOOK, "/page", asks=[REQUIRED])


def test_a_refused_answer_is_the_error_of_the_system(serve, visit, browser):
    script = serve(asking("/entity/Wanted?id=1"), page("refused", 403))

    with pytest.raises(NikkiError) as caught:
        visit(script.url, browser).open(LOOK, "/page", asks=[WANTED])

    assert str(caught.value) == 'nikki: look QXZT41P: 403, "refused"'


@pytest.mark.parametrize("fault", [httpx.Response(500), "drop"])
def test_a_page_is_opened_until_it_comes(serve, visit, browser, fault):
    script = serve(fault, fault, page('<p id="a">text</p>'))
    site = visit(script.url, browser)

    site.open(LOOK, "/page")

    assert site.text("#a") == "text"


@pytest.mark.parametrize("fault", [httpx.Response(500), "drop"])
def test_an_answer_is_asked_for_until_it_comes(serve, visit, browser, fault):
    # A browser opens the page once more; what was dropped on the way, it asks for again itself.
    again = [asking("/entity/Wanted?id=1")] if browser and fault != "drop" else []
    script = serve(asking("/entity/Wanted?id=1"), fault, *again, httpx.Response(200, json={"a": 1}))

    assert visit(script.url, browser).open(LOOK, "/page", asks=[WANTED]) == [{"a": 1}]


def test_a_page_that_leads_to_the_login_means_that_the_session_has_ended(serve, visit, browser):
    script = serve(httpx.Response(302, headers={"Location": "/login"}), page("log in"))

    with pytest.raises(EndedError, match=r"302, .the session has ended"):
        visit(script.url, browser).open(LOOK, "/page")


def test_an_answer_that_leads_to_the_login_means_that_the_session_has_ended(serve, visit, browser):
    script = serve(asking("/entity/Wanted?id=1"), httpx.Response(302, headers={"Location": "/login"}), page("log in"))

    with pytest.raises(EndedError):
        visit(script.url, browser).open(LOOK, "/page", asks=[WANTED])


def test_whoever_wants_to_log_in_is_led_there(serve, visit, browser):
    script = serve(httpx.Response(302, headers={"Location": "/login"}), page('<input id="name" name="name">'))
    site = visit(script.url, browser)

    site.open(LOOK, "/", follow=True)

    assert site.find("#other", "#name", timeout_s=60) == "#name"
    assert (site.find("#other"), site.text("#other")) == (None, "")


EDIT = "document.getElementById('name').readOnly = false"
FILLED = (
    f'<button id="edit" type="button" onclick="{EDIT}">Edit</button>'
    '<form><input id="search" name="q"></form>'
    '<form method="post" action="save?a=1"><input type="hidden" name="token" value="t&amp;1"><input id="name" name="name" '
    'value="old" readonly><input id="kept" name="kept" value="kept"><button>Save</button></form>'
)


def test_a_form_is_sent_with_what_was_in_it_and_the_page_after_it_is_open(serve, visit, browser):
    script = serve(page(FILLED), httpx.Response(303, headers={"Location": "/done"}), page('<p id="done">done</p>'))
    site = visit(script.url, browser)

    site.open(LOOK, "/member/1")
    assert site.values(FORM) == {"token": "t&1", "name": "old", "kept": "kept"}
    site.submit(LOOK, FORM, {"name": "new é"})

    assert site.text("#done") == "done"
    assert script.received == ["GET /member/1", "POST /member/save?a=1", "GET /done"]
    assert script.bodies[1] == "token=t%261&name=new+%C3%A9&kept=kept"


def test_a_refused_form_is_the_error_of_the_system(serve, visit, browser):
    script = serve(page(FILLED), page("refused", 422))
    site = visit(script.url, browser)
    site.open(LOOK, "/member/1")

    with pytest.raises(NikkiError) as caught:
        site.submit(LOOK, FORM, {"name": "new"})

    assert str(caught.value) == 'nikki: look QXZT41P: 422, "refused"'


def test_a_page_without_the_form_is_an_error(serve, visit, browser):
    site = visit(serve(page("<form></form>")).url, browser)
    site.open(LOOK, "/member/1")

    with pytest.raises(NikkiError, match="the page has no form"):
        site.submit(LOOK, FORM, {"name": "new"})


# Half of the rows come a moment after the other half.
TABLE = """
<table id="rows"><thead><tr><th>A</th></tr></thead><tbody><tr><td>Loading</td></tr></tbody></table><script>
const body = document.querySelector("tbody");
const draw = (rows) => rows.forEach((cells) => {
  const row = body.insertRow();
  cells.forEach((cell) => { row.insertCell().textContent = cell; });
});
fetch("/entity/Wanted?id=1").then((answer) => answer.json()).then(({ data }) => {
  body.replaceChildren();
  draw(data.slice(0, 2));
  setTimeout(() => draw(data.slice(2)), 200);
});
</script>
"""


def test_a_table_is_read_when_it_is_full(serve, visit, browser):
    rows = [["2026", "QXZT41P", "€ 1,50"], ["2025", "", ""], ["2024"], ["2023", "<b>"]]
    script = serve(page(TABLE), httpx.Response(200, json={"data": rows}))
    site = visit(script.url, browser)

    site.open(LOOK, "/page")

    assert site.rows(LOOK, "#rows", WANTED) == rows


def test_a_table_that_does_not_come_is_an_error(serve, visit, browser):
    site = visit(serve(page("maintenance")).url, browser)
    site.open(LOOK, "/page")

    with pytest.raises(NikkiError, match=r"^nikki: look QXZT41P: "):
        site.rows(LOOK, "#rows", replace(WANTED, timeout_s=A_MOMENT_S))


def test_the_file_behind_a_link_is_downloaded(serve, visit, browser):
    headers = {"Content-Type": "text/csv", "Content-Disposition": 'attachment; filename="report.csv"'}
    script = serve(page('<a href="report">Report</a>'), httpx.Response(200, content=b"\xef\xbb\xbfa;b", headers=headers))
    site = visit(script.url, browser)
    site.open(LOOK, "/page")

    assert site.download(LOOK, "Report", timeout_s=60) == b"\xef\xbb\xbfa;b"


def test_no_link_is_no_file(serve, visit, browser):
    site = visit(serve(page('<a href="x">Another report</a>')).url, browser)
    site.open(LOOK, "/page")

    assert site.download(LOOK, "Report", timeout_s=60) is None


def test_a_file_that_does_not_come_is_an_error(serve, visit, browser):
    site = visit(serve(page('<a href="x">Report</a>'), page("gone", 404)).url, browser)
    site.open(LOOK, "/page")

    with pytest.raises(NikkiError, match=r"^nikki: look QXZT41P: "):
        site.download(LOOK, "Report", timeout_s=A_MOMENT_S)


def test_nobody_at_home_is_an_error(visit, browser):
    with pytest.raises(NikkiError, match=r"^nikki: look QXZT41P: no connection"):
        visit("http://127.0.0.1:9", browser).open(LOOK, "/page")


# ------------------------------------------------------------------------------------------------ what only a browser does


@pytest.mark.browser
def test_only_the_answer_of_exactly_that_name_and_of_this_site_counts(serve, visit, chromium):
    elsewhere = serve(httpx.Response(200, json={"from": "elsewhere"}, headers={"Access-Control-Allow-Origin": "*"}))
    inner = f"fetch('{elsewhere.url}/entity/Wanted').then(() => fetch('/entity/UnionWanted')).then(() => fetch('/entity/Wanted'))"
    script = serve(page(f"<script>{inner}</script>"), httpx.Response(200, json={"from": "union"}), httpx.Response(200, json={}))

    assert visit(script.url, chromium).open(LOOK, "/page", asks=[Ask(path="/x/Wanted", timeout_s=60)]) == [{}]


@pytest.mark.browser
def test_an_answer_about_another_member_is_never_taken(serve, visit, chromium):
    inner = "fetch('/entity/Wanted?id=2').then(() => fetch('/entity/Wanted')).then(() => fetch('/entity/Wanted?page=3&id=1'))"
    script = serve(
        page(f"<script>{inner}</script>"),
        httpx.Response(200, json={"of": 2}),
        httpx.Response(200, json={"of": None}),
        httpx.Response(200, json={"of": 1}),
    )

    assert visit(script.url, chromium).open(LOOK, "/page", asks=[WANTED]) == [{"of": 1}]


@pytest.mark.browser
def test_when_only_another_member_is_told_of_there_is_no_answer(serve, visit, chromium):
    script = serve(asking("/entity/Wanted?id=2"), httpx.Response(200, json={"of": 2}))

    assert visit(script.url, chromium).open(LOOK, "/page", asks=[replace(WANTED, timeout_s=A_MOMENT_S)]) == [None]


@pytest.mark.browser
def test_what_a_click_makes_the_page_ask_for_is_heard(serve, visit, chromium):
    script_text = "const all = document.getElementById('all'); const ask = () => fetch('/Wanted?all=' + all.checked);"
    body = f'<input id="all" type="checkbox" checked><button id="go" onclick="ask()">Go</button><script>{script_text}</script>'
    script = serve(page(body), httpx.Response(200, json={"a": 1}))

    answers = visit(script.url, chromium).open(LOOK, "/page", asks=[Ask(path="/Wanted", timeout_s=60)], clicks=["#all", "#go"])

    assert (answers, script.received[1]) == ([{"a": 1}], "GET /Wanted?all=true")


@pytest.mark.browser
def test_what_a_page_never_asks_for_is_none_or_an_error(serve, visit, chromium):
    site = visit(serve(page("nothing")).url, chromium)

    assert site.open(LOOK, "/page", asks=[replace(WANTED, timeout_s=A_MOMENT_S)]) == [None]
    with pytest.raises(NikkiError) as caught:
        site.open(LOOK, "/page", asks=[replace(REQUIRED, timeout_s=A_MOMENT_S)])

    assert str(caught.value) == "nikki: look QXZT41P: the page got no Wanted within 0 s"


@pytest.mark.browser
def test_a_page_on_which_something_failed_is_kept_for_its_owner_and_names_nobody(serve, visit, chromium):
    site = visit(serve(page("<p>what went wrong</p>")).url, chromium)
    site.keep_page("look")
    site.open(LOOK, "/member/QXZT41P")

    for _ in range(25):
        site.keep_page("update contact")

    kept = sorted(chromium.debug_dir.iterdir())
    assert stat.S_IMODE(chromium.debug_dir.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert len(kept) == 40
    assert all(path.name.startswith("nikki-update-contact-") for path in kept)
    assert "what went wrong" in kept[0].with_suffix(".html").read_text()
    assert kept[0].with_suffix(".png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.browser
def test_a_place_where_nothing_can_be_kept_is_no_failure(serve, visit, chromium, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    site = visit(serve(page("")).url, chromium)
    site.open(LOOK, "/page")
    monkeypatch.setattr(chromium, "_settings", BrowserSettings(chromium="", debug_dir=tmp_path / "file/debug"))

    site.keep_page("look")


@pytest.mark.browser
def test_two_sites_share_the_browser_and_no_cookies(serve, visit, chromium):
    script = serve(page('<p id="own">one</p>', **{"Set-Cookie": "session=1"}), page('<p id="own">two</p>'))
    one, two = visit(script.url, chromium), visit(script.url, chromium)

    one.open(LOOK, "/")
    two.open(LOOK, "/")

    assert (one.text("#own"), two.text("#own")) == ("one", "two")
    assert [cookie.get("name") for site in (one, two) for cookie in site._page().context.cookies()] == ["session"]
