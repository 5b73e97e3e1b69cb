"""Contact fields that were changed in Rondo Club -> inputs of Sportlink's form."""

from collections.abc import Iterable, Mapping

from pipelines.state import Change

INPUTS: Mapping[str, str] = {"email": "Email", "email2": "Email2", "mobile": "Mobile", "phone": "Phone"}
"""Field in Rondo Club -> input of Sportlink's form. What is not here is not pushed."""


def contact_changes(changes: Iterable[Change]) -> dict[str, list[Change]]:
    """The changes that Sportlink's form has an input for, by member, each member's in their order."""
    by_member: dict[str, list[Change]] = {}
    for change in changes:
        if change.field_name in INPUTS:
            by_member.setdefault(change.knvb_id, []).append(change)
    return by_member


def form_inputs(changes: Iterable[Change]) -> dict[str, str]:
    """Input -> value; of several changes of a field the last one counts."""
    return {INPUTS[change.field_name]: change.value for change in changes}
