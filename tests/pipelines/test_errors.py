import pytest

from pipelines.errors import (
    AlreadyRunningError,
    ClientError,
    EmptyDownloadError,
    FreeScoutError,
    FreeScoutExistsError,
    FreeScoutNotFoundError,
    LapostaError,
    LoginError,
    MissingBrowserError,
    MissingExtraError,
    NikkiError,
    NikkiLoginError,
    RondoClubError,
    RondoClubNotFoundError,
    SettingsError,
    SportlinkError,
    SyncError,
)


def test_a_client_error_says_what_failed_on_what_and_what_to_do():
    error = LapostaError(
        "upsert subscriber",
        subject="ABCD12X",
        status=400,
        reason="Email: invalid address",
        remedy="correct the address in Sportlink",
    )

    assert str(error) == ('laposta: upsert subscriber ABCD12X: 400, "Email: invalid address" (correct the address in Sportlink)')


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"status": 500}, "rondo-club: get person 7: 500"),
        ({"reason": "no answer in time"}, "rondo-club: get person 7: no answer in time"),
        ({"reason": "gone", "remedy": "look"}, "rondo-club: get person 7: gone (look)"),
        ({"status": 404, "reason": "code: words"}, 'rondo-club: get person 7: 404, "code: words"'),
    ],
)
def test_a_client_error_leaves_out_what_is_not_known(facts, text):
    assert str(RondoClubError("get person", subject="7", **facts)) == text


def test_a_client_error_without_a_subject_names_the_operation_alone():
    assert str(LoginError("log in", reason="no dashboard")) == "sportlink: log in: no dashboard"


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"status": 400}, "laposta: upsert subscriber: 400"),
        ({"status": 400, "remedy": "look"}, "laposta: upsert subscriber: 400 (look)"),
        ({}, "laposta: upsert subscriber: failed"),
    ],
)
def test_a_client_error_keeps_the_subject_and_the_words_of_a_system_out_of_the_log(facts, text):
    error = LapostaError("upsert subscriber", subject="fenna@voorbeeld.example", reason="no Fenna", **facts)

    assert error.log_text == text


def test_an_error_is_one_line_in_the_log():
    assert SyncError("one\n  two").log_text == "one two"


def test_a_settings_error_names_everything_in_one_line():
    error = SettingsError(missing=["RONDO_URL", "LAPOSTA_API_KEY"], unusable=["PHOTO_DELAY_S must be a number"])

    assert str(error) == (
        "missing settings: RONDO_URL, LAPOSTA_API_KEY; PHOTO_DELAY_S must be a number (set them in the environment or in .env)"
    )


def test_an_empty_download_says_that_nothing_was_changed():
    error = EmptyDownloadError("sportlink", "members")

    assert str(error) == "sportlink: download members: none received (nothing was changed; look in sportlink itself)"


def test_a_missing_extra_says_what_to_install():
    assert str(MissingExtraError("--sandbox", "sandbox")) == (
        "--sandbox needs packages that are missing: pip install 'otel-sqlite[sandbox]'"
    )


def test_a_missing_browser_says_what_to_install():
    assert str(MissingBrowserError("none on PATH")) == (
        "no Chromium to drive: none on PATH (on Debian or Ubuntu: apt-get install chromium; elsewhere: name it in SYNC_CHROMIUM)"
    )


@pytest.mark.parametrize(
    ("child", "parent"),
    [
        (SettingsError, SyncError),
        (AlreadyRunningError, SyncError),
        (MissingExtraError, SyncError),
        (EmptyDownloadError, SyncError),
        (ClientError, SyncError),
        (SportlinkError, ClientError),
        (LoginError, SportlinkError),
        (LapostaError, ClientError),
        (RondoClubError, ClientError),
        (RondoClubNotFoundError, RondoClubError),
        (MissingBrowserError, SyncError),
        (NikkiError, ClientError),
        (NikkiLoginError, NikkiError),
        (FreeScoutError, ClientError),
        (FreeScoutExistsError, FreeScoutError),
        (FreeScoutNotFoundError, FreeScoutError),
    ],
)
def test_the_errors_form_one_tree(child, parent):
    assert issubclass(child, parent)
