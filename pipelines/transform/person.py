"""Sportlink member -> person of Rondo Club."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.clients import JsonObject
from pipelines.state import Change, RemotePerson
from pipelines.transform.sportlink import MemberRecord, normalized_email

FIELDS: Mapping[str, str] = {
    "lid-sinds": "MemberSince",
    "leeftijdsgroep": "AgeClassDescription",
    "type-lid": "TypeOfMemberDescription",
    "datum-foto": "PersonImageDate",
    "datum-overlijden": "DateOfPassing",
}
"""ACF field -> Sportlink field; left out where it is empty."""

CONTACTS: Mapping[str, str] = {"email": "Email", "mobile": "Mobile", "phone": "Telephone"}
"""Type of contact -> Sportlink field, in the order in which a person shows them."""

GENDERS: Mapping[str, str] = {"Male": "male", "Female": "female"}


def is_person(member: MemberRecord) -> bool:
    """A member without an id or a first name cannot become a person."""
    return bool(member.knvb_id and member["FirstName"])


def person_body(member: MemberRecord) -> JsonObject:
    """The request body that makes a person of Rondo Club what the member is.

    Both names are always in it, because Rondo Club refuses a person without; `lid-tot` too, because a membership that
    goes on after all must lose its end.
    """
    acf = {
        "first_name": member["FirstName"],
        "last_name": member["LastName"],
        "knvb-id": member.knvb_id,
        "lid-tot": member["RelationEnd"],
        "former_member": False,
        "contact_info": contact_rows([(kind, member[field]) for kind, field in CONTACTS.items()]),
        "addresses": address_rows(member),
    }
    optional = {
        "infix": member["Infix"].lower(),
        "gender": GENDERS.get(member["GenderCode"], ""),
        **_birth(member["DateOfBirth"]),
        **{name: member[field] for name, field in FIELDS.items()},
    }
    return {"status": "publish", "acf": acf | {name: value for name, value in optional.items() if value}}


def partial_body(acf: JsonObject, **fields: Any) -> JsonObject:
    """The request body that changes these fields and leaves the names, which must be in it, as they are in `acf`."""
    return {"acf": {"first_name": acf["first_name"], "last_name": acf["last_name"], **fields}}


def remote_person(person: JsonObject) -> RemotePerson | None:
    """A person as Rondo Club shows it; None for one that never was a member."""
    acf = person["acf"]
    if not acf.get("knvb-id"):
        return None
    is_volunteer = acf.get("huidig-vrijwilliger") in ("1", 1)
    return RemotePerson(knvb_id=acf["knvb-id"], person_id=person["id"], is_volunteer=is_volunteer)


def stranger_email(acf: JsonObject) -> str:
    """The normalized address of a person that never was a member; empty for one that was, and without an address."""
    if acf.get("knvb-id"):
        return ""
    rows = acf.get("contact_info") or []
    emails = [normalized_email(row["contact_value"] or "") for row in rows if row["contact_type"] == "email"]
    return next(filter(None, emails), "")


def contact_rows(contacts: Sequence[tuple[str, str]]) -> list[JsonObject]:
    """Rows of the contact repeater from pairs of type and value; empty values make none."""
    return [{"contact_type": kind, "contact_label": "", "contact_value": value} for kind, value in contacts if value]


def address_rows(member: MemberRecord) -> list[JsonObject]:
    """The address repeater: one row, or none for a member without street and city."""
    street = " ".join(part for part in (member["StreetName"], member["AddressNumber"], member["AddressNumberAppendix"]) if part)
    if not street and not member["City"]:
        return []
    return [
        {
            "address_label": "",
            "street": street,
            "postal_code": member["ZipCode"],
            "city": member["City"],
            "country": "Nederland",
        }
    ]


def keep_changes(body: JsonObject, changes: Sequence[Change]) -> JsonObject:
    """The body with the contact fields that were changed in Rondo Club, until Sportlink has them too.

    Args:
        body: As `person_body` makes it.
        changes: The member's changes that Sportlink shall have, one a field.
    """
    values = {row["contact_type"]: row["contact_value"] for row in body["acf"]["contact_info"]}
    values |= {change.field_name: change.value for change in changes}
    contact_info = contact_rows([(kind, values.get(kind, "")) for kind in CONTACTS])
    return {**body, "acf": {**body["acf"], "contact_info": contact_info}}


def keep_contacts(body: JsonObject, acf: JsonObject) -> JsonObject:
    """The body with what Sportlink has no place for: labels, further contacts of a type, and contacts of other types.

    Args:
        body: As `keep_changes` makes it.
        acf: The person's fields as Rondo Club shows them.
    """
    shown = acf.get("contact_info") or []
    first = {row["contact_type"]: row for row in reversed(shown) if row["contact_type"] in CONTACTS}
    rows = [{**row, "contact_label": _label(first.get(row["contact_type"], row))} for row in body["acf"]["contact_info"]]
    values = {(row["contact_type"], row["contact_value"]) for row in rows}
    further = [row for row in shown if row is not first.get(row["contact_type"])]
    kept = [row for row in further if (row["contact_type"], row["contact_value"]) not in values]
    return {**body, "acf": {**body["acf"], "contact_info": rows + kept}}


def _label(row: JsonObject) -> str:
    return row.get("contact_label") or ""


def _birth(date: str) -> JsonObject:
    year = date[:4]
    return {
        "birth_year": int(year) if re.fullmatch(r"\d{4}", year, re.ASCII) else None,
        "birthdate": date if re.fullmatch(r"\d{4}-\d{2}-\d{2}", date, re.ASCII) else "",
    }
