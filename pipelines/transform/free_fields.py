"""What the tabs of a member say besides -> fields of its person in Rondo Club."""

import re

from pipelines.clients import JsonObject

FINANCIAL_BLOCK = "financiele-blokkade"

_DUTCH_DAY = re.compile(r"(\d{1,2})-(\d{1,2})-(\d{4})", re.ASCII)


def read_free_fields(free_fields: JsonObject | None, header: JsonObject | None) -> JsonObject:
    """The fields that the tab `other` fills; None where it shows an empty one, and left out where it shows nothing at all."""
    fields: JsonObject = {}
    if free_fields is not None:
        fields["freescout-id"] = _number(_value(free_fields, "Remarks3"))
        fields["datum-vog"] = _day(_value(free_fields, "Remarks8")) or None
    if header is not None:
        fields[FINANCIAL_BLOCK] = header.get("HasFinancialTransferBlockOwnClub") is True
    return fields


def read_invoice(address: JsonObject | None, information: JsonObject | None) -> JsonObject:
    """As `read_free_fields`, for the tab `financial`. An address that Sportlink takes from the member itself is none."""
    fields: JsonObject = {}
    if address is not None:
        fields["factuur-adres"] = None if address.get("IsDefault") else _address(address) or None
    if information is not None:
        fields["factuur-email"] = _text(information.get("EmailAddress")) or None
        fields["factuur-referentie"] = _text(information.get("ExternalInvoiceCode")) or None
    return fields


def merge_fields(known: JsonObject, received: JsonObject) -> JsonObject:
    """The fields known of a member, brought up to date.

    One that was filled once and is empty now is None, so that it is cleared in Rondo Club; one that never was filled is left
    out, because the club may have filled it there.
    """
    return known | {name: value for name, value in received.items() if value is not None or name in known}


def changed_fields(fields: JsonObject, acf: JsonObject) -> JsonObject:
    """Those of the fields that the person does not have yet; Rondo Club shows an empty field in several ways."""
    return {name: value for name, value in fields.items() if (value or None) != (acf.get(name) or None)}


def _value(free_fields: JsonObject, name: str) -> str:
    field = free_fields.get(name)
    return _text(field.get("Value")) if isinstance(field, dict) else ""


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() else None


def _day(text: str) -> str:
    """YYYY-MM-DD for what is a day; any other text stays as it is, for somebody to correct."""
    dutch = _DUTCH_DAY.fullmatch(text)
    return f"{dutch[3]}-{dutch[2]:0>2}-{dutch[1]:0>2}" if dutch else text


def _address(raw: JsonObject) -> str:
    """`street number addition, postcode city[, country]`, without what is missing."""
    street = " ".join(filter(None, (_text(raw.get(name)) for name in ("StreetName", "AddressNumber", "AddressNumberAppendix"))))
    town = " ".join(filter(None, (_text(raw.get(name)) for name in ("ZipCode", "City"))))
    return ", ".join(filter(None, (street, town, _text(raw.get("CountryName")))))


def _text(value: object) -> str:
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
