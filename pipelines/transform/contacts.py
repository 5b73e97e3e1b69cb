"""Contact fields, which may be changed in both systems: person and member -> fields, and which system is right."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pipelines.clients import JsonObject
from pipelines.state import Change, ContactField
from pipelines.transform.person import CONTACTS
from pipelines.transform.sportlink import MemberRecord

INPUTS: Mapping[str, str] = {"email": "Email", "mobile": "Mobile", "phone": "Phone"}
"""Contact field -> input of Sportlink's form."""

_SAME_MOMENT = timedelta(seconds=5)


def sportlink_contacts(member: MemberRecord) -> dict[str, str]:
    """What Sportlink says, by contact field."""
    return {field: member[name] for field, name in CONTACTS.items()}


def rondo_club_contacts(acf: JsonObject) -> dict[str, str]:
    """What a person of Rondo Club says, by contact field; of several contacts of a type the first counts.

    A person that is shown without its contacts says nothing: that is no empty field, which would be emptied in Sportlink.
    """
    if "contact_info" not in acf:
        return {}
    rows = acf["contact_info"] or []
    values = {row["contact_type"]: (row["contact_value"] or "").strip() for row in reversed(rows)}
    return {field: values.get(field, "") for field in CONTACTS}


def changed_contacts(known: Mapping[str, ContactField], values: Mapping[str, str]) -> dict[str, str]:
    """The values that are not what Rondo Club had when it was looked at last; those seen for the first time are left out."""
    return {
        field: value for field, value in values.items() if field in known and known[field].rondo_club_value not in (None, value)
    }


def latest_changes(changes: Sequence[Change]) -> list[Change]:
    """Of several changes of a field, the last one.

    Args:
        changes: Of one member, oldest first.
    """
    return list({change.field_name: change for change in changes}.values())


def is_difference(change: Change, known: ContactField) -> bool:
    """Sportlink has another value."""
    return change.value != known.sportlink_value


def is_newer(change: Change, known: ContactField) -> bool:
    """The change is the last write: Sportlink's own value is not known to have been modified, or was so before it.

    Both at the same moment, Sportlink is right.
    """
    if known.sportlink_modified_at is None:
        return True
    return _moment(change.modified_at) - _moment(known.sportlink_modified_at) > _SAME_MOMENT


def form_inputs(changes: Sequence[Change]) -> dict[str, str]:
    """Input of Sportlink's form -> value."""
    return {INPUTS[change.field_name]: change.value for change in changes}


def _moment(text: str) -> datetime:
    """An ISO time; Rondo Club's do not say that they are in UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
