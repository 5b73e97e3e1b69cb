"""Make customers of FreeScout of members."""

import logging
from collections import defaultdict
from collections.abc import Mapping

from pipelines.errors import EmptyDownloadError, FreeScoutError, FreeScoutExistsError, FreeScoutNotFoundError
from pipelines.result.freescout import CustomersResult
from pipelines.state import Contribution, Customer, WantedCustomer
from pipelines.steps.items import find_orphans, item
from pipelines.systems import Systems
from pipelines.transform.customers import customer_fields, customer_names, wanted_customer

logger = logging.getLogger(__name__)

SYSTEM = "freescout"


def sync_customers(systems: Systems, result: CustomersResult, *, force: bool = False, dry_run: bool = False) -> None:
    """Write to FreeScout who is new or different since it was written last; everybody by force, nobody in a dry run.

    A customer that we created is deleted when the member has no address any more. Former members stay, with what was
    written about them.

    Raises:
        EmptyDownloadError: No member with an address is known.
    """
    state = systems.state.freescout
    known = state.customers()
    wanted = _wanted_customers(systems, known)
    if not wanted:
        raise EmptyDownloadError("sportlink", "members with an address")
    state.store_customers(wanted.values())

    customers = [customer for customer in state.customers().values() if customer.knvb_id in wanted]
    changed = [customer for customer in customers if force or customer.is_changed]
    orphans = find_orphans(known, wanted.keys() | systems.state.rondo.former_members(), result.failures, system=SYSTEM)
    result.total = len(customers)
    if dry_run:
        logger.info("dry run: %d customers would be written, %d deleted", len(changed), len(orphans))
        changed, orphans = [], []
    result.skipped = len(customers) - len(changed)
    for customer in systems.track(changed, "syncing customers"):
        with item(result.failures, knvb_id=customer.knvb_id, system=SYSTEM):
            _write_customer(systems, result, customer)
    for customer in orphans:
        with item(result.failures, knvb_id=customer.knvb_id, system=SYSTEM):
            result.deleted += _delete_customer(systems, customer)
    logger.info("customers: %s", result.told("created", "updated", "skipped", "deleted"))


def _wanted_customers(systems: Systems, known: Mapping[str, Customer]) -> Mapping[str, WantedCustomer]:
    contributions = defaultdict[str, list[Contribution]](list)
    for contribution in systems.state.nikki.contributions():
        contributions[contribution.knvb_id].append(contribution)
    teams = systems.state.team_history.post_names()
    freescout_ids = systems.state.functions.freescout_ids()
    wanted = [
        wanted_customer(
            member,
            teams=teams.get(member.knvb_id, ()),
            contributions=contributions[member.knvb_id],
            freescout_id=freescout_ids.get(member.knvb_id),
            known=known.get(member.knvb_id),
        )
        for member in systems.state.rondo.members()
    ]
    return {customer.knvb_id: customer for customer in wanted if customer is not None}


def _write_customer(systems: Systems, result: CustomersResult, customer: Customer) -> None:
    """Make the customer what it should be. One that FreeScout took without its fields is a failure; the next run updates it."""
    if customer.freescout_id is not None:
        try:
            _update_customer(systems, customer, customer.freescout_id)
        except FreeScoutNotFoundError:
            systems.state.freescout.set_customer(customer.knvb_id, None)
        else:
            result.updated += 1
            return
    try:
        freescout_id = systems.freescout.create_customer(email=customer.email, **customer_names(customer))
    except FreeScoutExistsError:
        _link_customer(systems, customer)
        result.updated += 1
        return
    systems.state.freescout.add_own_customer(customer.knvb_id, freescout_id)
    _fill_in(systems, customer, freescout_id)
    result.created += 1


def _link_customer(systems: Systems, customer: Customer) -> None:
    """FreeScout has somebody with this address already: that is who the member is there."""
    freescout_id = systems.freescout.find_customer(customer.email, subject=customer.knvb_id)
    if freescout_id is None:
        reason = "Email exists in FreeScout but customer not found via API or conversations"
        raise FreeScoutError("link customer", subject=customer.knvb_id, reason=reason)
    systems.state.freescout.set_customer(customer.knvb_id, freescout_id)
    _update_customer(systems, customer, freescout_id)


def _update_customer(systems: Systems, customer: Customer, freescout_id: int) -> None:
    systems.freescout.update_customer(freescout_id, **customer_names(customer))
    _fill_in(systems, customer, freescout_id)


def _fill_in(systems: Systems, customer: Customer, freescout_id: int) -> None:
    values = customer_fields(customer, systems.settings.freescout.fields)
    systems.freescout.set_customer_fields(freescout_id, values, subject=customer.knvb_id)
    systems.state.freescout.mark_synced(customer)


def _delete_customer(systems: Systems, orphan: Customer) -> bool:
    """A customer that was there before us, or is another member too, is left alone: people may have written to it.

    Returns:
        Whether there was a customer to delete.
    """
    state = systems.state.freescout
    if orphan.freescout_id is None or not state.is_ours_alone(orphan):
        state.leave_customer(orphan)
        return False
    systems.freescout.delete_customer(orphan.freescout_id, subject=orphan.knvb_id)
    state.delete_customer(orphan.knvb_id)
    return True
