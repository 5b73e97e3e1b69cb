"""Changes in Rondo Club as inputs of Sportlink's form."""

from pipelines.state import Change
from pipelines.transform.contacts import contact_changes, form_inputs


def change(change_id, knvb_id, field_name, value):
    return Change(change_id=change_id, knvb_id=knvb_id, field_name=field_name, value=value)


def test_changes_are_grouped_by_member_and_fields_without_an_input_are_left():
    email = change(1, "A1", "email", "een@x")
    vog = change(2, "A1", "datum_vog", "2025-01-01")
    phone = change(3, "B2", "phone", "010")
    mobile = change(4, "A1", "mobile", "06")

    assert contact_changes([email, vog, phone, mobile]) == {"A1": [email, mobile], "B2": [phone]}


def test_the_last_change_of_a_field_counts():
    changes = [change(1, "A1", "email", "een@x"), change(2, "A1", "email2", ""), change(3, "A1", "email", "twee@x")]

    assert form_inputs(changes) == {"Email": "twee@x", "Email2": ""}
