import os
from pathlib import Path

import pytest

from pipelines.errors import SettingsError
from pipelines.settings import (
    BrowserSettings,
    FreeScoutFields,
    FreeScoutSettings,
    LapostaSettings,
    NikkiSettings,
    RondoClubSettings,
    Settings,
    SportlinkSettings,
    System,
    load_env_file,
)

FULL = {
    "SPORTLINK_USERNAME": "sync",
    "SPORTLINK_PASSWORD": "sportlink-secret",
    "SPORTLINK_OTP_SECRET": "JBSW Y3DP EHPK 3PXP",
    "NIKKI_USERNAME": "treasurer",
    "NIKKI_PASSWORD": "nikki-secret",
    "NIKKI_OTP_SECRET": "nikki-otp-secret",
    "LAPOSTA_API_KEY": "laposta-secret",
    "LAPOSTA_LIST": "first",
    "LAPOSTA_LIST3": " third ",
    "RONDO_URL": "https://club.example",
    "RONDO_USERNAME": "robot",
    "RONDO_APP_PASSWORD": "rondo secret",
    "FREESCOUT_BASE_URL": "https://help.example",
    "FREESCOUT_API_KEY": "freescout-secret",
}


def test_settings_are_read_from_the_environment_and_have_the_real_systems_as_defaults():
    assert Settings.from_env(FULL) == Settings(
        sportlink=SportlinkSettings(
            url="https://club.sportlink.com",
            username="sync",
            password="sportlink-secret",
            otp_secret="JBSWY3DPEHPK3PXP",
            delay_s=1.0,
            photo_delay_s=0.2,
        ),
        nikki=NikkiSettings(
            url="https://mijn.nikki-online.nl", username="treasurer", password="nikki-secret", otp_secret="nikki-otp-secret"
        ),
        laposta=LapostaSettings(
            url="https://api.laposta.nl",
            api_key="laposta-secret",
            list_ids=("first", None, "third", None),
            delay_s=2.0,
        ),
        rondo_club=RondoClubSettings(
            url="https://club.example",
            username="robot",
            app_password="rondo secret",
            parent_type=2,
            child_type=3,
            photo_delay_s=0.2,
            contributions_delay_s=0.5,
        ),
        freescout=FreeScoutSettings(
            url="https://help.example",
            api_key="freescout-secret",
            fields=FreeScoutFields(union_teams=1, public_person_id=4, member_since=5, nikki_saldo=7, nikki_status=8),
        ),
        browser=BrowserSettings(chromium="", debug_dir=Path("debug")),
        state_dir=Path("data/state"),
        photo_dir=Path("photos"),
        log_dir=Path("logs"),
        retry_wait_s=1.0,
    )


@pytest.mark.parametrize(("detail", "shows"), [("detailed", True), ("", False), ("short", False)])
def test_the_members_that_were_pushed_are_named_only_when_details_are_asked_for(detail, shows):
    assert Settings.from_env({"REVERSE_SYNC_DETAIL": detail}).shows_pushed_members is shows


def test_everything_that_has_a_default_can_be_set():
    set_ = {
        "SPORTLINK_URL": "http://127.0.0.1:8001",
        "SPORTLINK_DELAY_S": "0.5",
        "LAPOSTA_URL": "http://localhost:8002",
        "LAPOSTA_DELAY_S": "0",
        "RONDO_URL": "http://[::1]:8003",
        "RONDO_PARENT_TYPE": "12",
        "RONDO_CHILD_TYPE": "13",
        "PHOTO_DELAY_S": "0.1",
        "NIKKI_URL": "http://127.0.0.1:8004",
        "NIKKI_DELAY_S": "0",
        "FREESCOUT_FIELD_UNION_TEAMS": "11",
        "FREESCOUT_FIELD_PUBLIC_PERSON_ID": "14",
        "FREESCOUT_FIELD_MEMBER_SINCE": "15",
        "FREESCOUT_FIELD_NIKKI_SALDO": "17",
        "FREESCOUT_FIELD_NIKKI_STATUS": "18",
        "SYNC_CHROMIUM": "/opt/chromium",
        "SYNC_DEBUG_DIR": "/tmp/debug",
        "SYNC_STATE_DIR": "/tmp/state",
        "SYNC_PHOTO_DIR": "/tmp/photos",
        "SYNC_LOG_DIR": "/tmp/logs",
        "SYNC_RETRY_WAIT_S": "0.01",
    }

    settings = Settings.from_env(set_)

    assert (settings.sportlink.url, settings.sportlink.delay_s) == ("http://127.0.0.1:8001", 0.5)
    assert (settings.laposta.url, settings.laposta.delay_s) == ("http://localhost:8002", 0.0)
    assert (settings.rondo_club.url, settings.rondo_club.parent_type) == ("http://[::1]:8003", 12)
    assert settings.rondo_club.child_type == 13
    assert (settings.sportlink.photo_delay_s, settings.rondo_club.photo_delay_s) == (0.1, 0.1)
    assert (settings.state_dir, settings.photo_dir, settings.log_dir) == tuple(
        map(Path, ("/tmp/state", "/tmp/photos", "/tmp/logs"))
    )
    assert settings.retry_wait_s == 0.01
    assert (settings.nikki.url, settings.rondo_club.contributions_delay_s) == ("http://127.0.0.1:8004", 0.0)
    assert settings.freescout.fields == FreeScoutFields(
        union_teams=11, public_person_id=14, member_since=15, nikki_saldo=17, nikki_status=18
    )
    assert settings.browser == BrowserSettings(chromium="/opt/chromium", debug_dir=Path("/tmp/debug"))


def test_one_error_names_all_settings_that_are_missing():
    settings = Settings.from_env({"SPORTLINK_USERNAME": "sync", "RONDO_URL": "  "})

    with pytest.raises(SettingsError) as caught:
        settings.require(*System)

    assert caught.value.missing == (
        "SPORTLINK_PASSWORD",
        "SPORTLINK_OTP_SECRET",
        "NIKKI_USERNAME",
        "NIKKI_PASSWORD",
        "NIKKI_OTP_SECRET",
        "LAPOSTA_API_KEY",
        "RONDO_URL",
        "RONDO_USERNAME",
        "RONDO_APP_PASSWORD",
        "FREESCOUT_BASE_URL",
        "FREESCOUT_API_KEY",
    )


def test_only_the_systems_that_are_needed_are_asked_for():
    Settings.from_env({"LAPOSTA_API_KEY": "key"}).require(System.LAPOSTA)


@pytest.mark.parametrize(("environ", "has"), [(FULL, True), ({"FREESCOUT_BASE_URL": "https://help.example"}, False), ({}, False)])
def test_a_club_may_do_without_a_system(environ, has):
    assert Settings.from_env(environ).has(System.FREESCOUT) is has


@pytest.mark.parametrize("secret", ["", "plain text 8!", "otpauth://totp/Nikki:club?secret=JBSWY3DP&digits=6&period=30"])
def test_the_secret_of_nikki_is_a_text_or_an_address(secret):
    assert Settings.from_env({"NIKKI_OTP_SECRET": secret}).nikki.otp_secret == secret


@pytest.mark.parametrize(
    "secret", ["gehéim", "otpauth://hotp/Nikki?secret=JBSWY3DP", "otpauth://totp/Nikki", "otpauth://totp/N?secret=1"]
)
def test_a_secret_of_nikki_that_makes_no_codes_is_unusable(secret):
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"NIKKI_OTP_SECRET": secret})

    assert caught.value.unusable == (
        "NIKKI_OTP_SECRET must be a text in ASCII, or an otpauth://totp/ address with a base32 secret",
    )


def test_one_error_names_all_settings_that_are_unusable():
    wrong = {
        "RONDO_URL": "http://club.example",
        "LAPOSTA_DELAY_S": "soon",
        "PHOTO_DELAY_S": "-1",
        "SPORTLINK_DELAY_S": "nan",
        "RONDO_PARENT_TYPE": "two",
        "SPORTLINK_OTP_SECRET": "otpauth://totp/club?secret=JBSWY3DP",
    }

    with pytest.raises(SettingsError) as caught:
        Settings.from_env(wrong)

    assert sorted(caught.value.unusable) == [
        "LAPOSTA_DELAY_S must be a number of seconds, 0 or more",
        "PHOTO_DELAY_S must be a number of seconds, 0 or more",
        "RONDO_PARENT_TYPE must be a whole number",
        "RONDO_URL must start with https:// (http:// is for this machine only)",
        "SPORTLINK_DELAY_S must be a number of seconds, 0 or more",
        "SPORTLINK_OTP_SECRET must be a base32 text, not an otpauth:// address",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "http://club.example",
        "http://127.0.0.1.example",
        "http://10.0.0.7",
        "club.example",
        "ftp://localhost",
        "https://",
        "http://[",
    ],
)
def test_credentials_go_nowhere_that_others_can_listen(url):
    with pytest.raises(SettingsError):
        Settings.from_env({"RONDO_URL": url})


def test_secrets_do_not_show():
    shown = repr(Settings.from_env(FULL))

    assert not [name for name in FULL if name.endswith(("PASSWORD", "SECRET", "KEY")) and FULL[name].replace(" ", "") in shown]
    assert "rondo secret" not in shown


def test_a_file_adds_to_the_environment_which_wins(tmp_path, monkeypatch):
    monkeypatch.setenv("LAPOSTA_LIST", "of the environment")
    monkeypatch.delenv("LAPOSTA_LIST2", raising=False)
    monkeypatch.setenv("RONDO_APP_PASSWORD", "")
    file = tmp_path / ".env"
    file.write_text('LAPOSTA_LIST=of the file\nLAPOSTA_LIST2="pa$$ ${HOME}"\n', encoding="utf-8")

    with monkeypatch.context() as patched:
        patched.setitem(os.environ, "LAPOSTA_LIST2", "")  # so that it is taken back afterwards
        patched.delitem(os.environ, "LAPOSTA_LIST2")
        load_env_file(file)
        lists = Settings.from_env().laposta.list_ids

    assert lists[:2] == ("of the environment", "pa$$ ${HOME}")


def test_no_file_is_fine(tmp_path):
    load_env_file(tmp_path / ".env")


def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path):
    file = tmp_path / ".env"
    file.write_bytes(b"LAPOSTA_LIST=\xff\xfe\n")

    with pytest.raises(SettingsError, match="cannot be read"):
        load_env_file(file)
