"""Member -> customer of FreeScout."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from pipelines.clients import JsonObject
from pipelines.settings import FreeScoutFields
from pipelines.state import Contribution, Customer, Member, WantedCustomer
from pipelines.transform.contacts import rondo_club_contacts
from pipelines.transform.nikki import yearly_saldo, yearly_status


def wanted_customer(
    member: Member,
    *,
    teams: Iterable[str],
    contributions: Sequence[Contribution],
    freescout_id: int | None,
    known: Customer | None = None,
) -> WantedCustomer | None:
    """What a member shall be as a customer; None for one without an address.

    Args:
        member: As the state knows it.
        teams: Names of the member's teams, each once and sorted.
        contributions: The member's, by year.
        freescout_id: The customer's id, where somebody noted it in Sportlink.
        known: The customer as it was wanted before: a number that it had is taken away, one that FreeScout alone has is not.
    """
    if not member.email:
        return None
    acf = member.body["acf"]
    custom_fields = {
        "union_teams": ", ".join(teams),
        "public_person_id": member.knvb_id,
        "member_since": acf.get("lid-sinds", ""),
        **_latest_year(contributions),
    }
    data = {
        "firstName": acf["first_name"],
        "lastName": acf["last_name"],
        "mobile": rondo_club_contacts(acf)["mobile"] or ("" if known and known.data["mobile"] is not None else None),
        "customFields": custom_fields,
    }
    return WantedCustomer(knvb_id=member.knvb_id, email=member.email, freescout_id=freescout_id, data=data)


def customer_names(customer: Customer) -> JsonObject:
    """What creating and updating a customer both take."""
    return {
        "first_name": customer.data["firstName"],
        "last_name": customer.data["lastName"],
        "mobile": customer.data["mobile"],
        "subject": customer.knvb_id,
    }


def customer_fields(customer: Customer, ids: FreeScoutFields) -> dict[int, str]:
    """The values of the customer's own fields by the ids that FreeScout has for them."""
    values: dict[str, str] = customer.data["customFields"]
    return dict(sorted((getattr(ids, name), value) for name, value in values.items()))


def _latest_year(contributions: Sequence[Contribution]) -> dict[str, str]:
    years = [list(lines) for _, lines in groupby(contributions, key=lambda one: one.year)]
    if not years:
        return {"nikki_saldo": "", "nikki_status": ""}
    return {"nikki_saldo": str(yearly_saldo(years[-1])), "nikki_status": yearly_status(years[-1]) or ""}
