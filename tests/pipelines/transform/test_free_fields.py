"""Fields that the tabs of a member fill."""

import pytest

from pipelines.transform.free_fields import changed_fields, merge_fields, read_free_fields, read_invoice

ADDRESS = {
    "StreetName": "Factuurlaan",
    "AddressNumber": 7,
    "AddressNumberAppendix": "b",
    "ZipCode": "1299 ZZ",
    "City": "Testdorp",
}


def free(link, vog):
    return {"Remarks3": {"Value": link}, "Remarks8": {"Value": vog}}


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2024-09-15", "2024-09-15"),
        ("15-09-2024", "2024-09-15"),
        ("5-9-2024", "2024-09-05"),
        ("aangevraagd 9/2024", "aangevraagd 9/2024"),
        ("", None),
        (None, None),
    ],
)
def test_the_day_of_a_certificate_is_written_one_way_and_other_text_stays(written, day):
    assert read_free_fields(free(None, written), None) == {"freescout-id": None, "datum-vog": day}


@pytest.mark.parametrize(("written", "number"), [(" 1042", 1042), (1042, 1042), ("geen", None), ("²", None), ("", None)])
def test_a_freescout_id_is_a_number_or_nothing(written, number):
    assert read_free_fields(free(written, ""), None)["freescout-id"] == number


def test_what_a_tab_does_not_show_is_no_field():
    assert read_free_fields(None, None) == {}
    assert read_free_fields({"Remarks3": None}, {"HasFinancialTransferBlockOwnClub": None}) == {
        "freescout-id": None,
        "datum-vog": None,
        "financiele-blokkade": False,
    }
    assert read_invoice(None, None) == {}


def test_an_invoice_goes_to_an_address_of_its_own_alone():
    information = {"EmailAddress": "facturen@x.example", "ExternalInvoiceCode": None}

    assert read_invoice({**ADDRESS, "CountryName": "België", "IsDefault": False}, information) == {
        "factuur-adres": "Factuurlaan 7 b, 1299 ZZ Testdorp, België",
        "factuur-email": "facturen@x.example",
        "factuur-referentie": None,
    }
    assert read_invoice({**ADDRESS, "IsDefault": True}, None) == {"factuur-adres": None}
    assert read_invoice({"City": "Testdorp"}, None) == {"factuur-adres": "Testdorp"}


def test_a_field_that_was_filled_once_is_cleared_and_one_that_never_was_is_left_to_the_club():
    known = merge_fields({}, {"freescout-id": 7, "datum-vog": None})

    assert known == {"freescout-id": 7}
    assert merge_fields(known, {"freescout-id": None, "datum-vog": None}) == {"freescout-id": None}
    assert merge_fields(known, {}) == known


def test_a_field_is_changed_when_the_person_shows_another_value():
    fields = {"freescout-id": 7, "datum-vog": None, "financiele-blokkade": False}

    assert changed_fields(fields, {"freescout-id": 7, "datum-vog": "", "financiele-blokkade": False}) == {}
    assert changed_fields(fields, {}) == {"freescout-id": 7}
    assert changed_fields(fields, {"freescout-id": 8, "datum-vog": "2020-01-01", "financiele-blokkade": True}) == fields
