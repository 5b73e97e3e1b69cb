import pytest

from pipelines.errors import MissingBrowserError
from pipelines.settings import BrowserSettings

chromium = pytest.importorskip("pipelines.clients.chromium", reason="playwright is not installed", exc_type=ImportError)


def test_a_browser_is_not_started_before_a_page_is_opened(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(chromium, "sync_playwright", lambda: started.append(1))

    with chromium.Chromium(BrowserSettings(chromium="", debug_dir=tmp_path)):
        pass

    assert started == []


@pytest.mark.parametrize("path", ["/no/chromium", "/bin/false"])
def test_a_browser_that_does_not_start_is_one_line(tmp_path, path):
    with (
        chromium.Chromium(BrowserSettings(chromium=path, debug_dir=tmp_path)) as browser,
        pytest.raises(MissingBrowserError) as caught,
    ):
        browser.open_page()

    assert str(caught.value).startswith("no Chromium to drive: ")
    assert len(str(caught.value).splitlines()) == 1


def test_no_browser_on_the_path_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")

    with (
        chromium.Chromium(BrowserSettings(chromium="", debug_dir=tmp_path)) as browser,
        pytest.raises(MissingBrowserError) as caught,
    ):
        browser.open_page()

    assert str(caught.value) == (
        "no Chromium to drive: none on PATH (on Debian or Ubuntu: apt-get install chromium; elsewhere: name it in SYNC_CHROMIUM)"
    )
