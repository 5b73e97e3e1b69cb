"""What is remembered about customers."""

from dataclasses import replace

import pytest

from pipelines.state import Customer, WantedCustomer

WANTED = WantedCustomer(knvb_id="A1", email="a@x", freescout_id=None, data={"firstName": "Anne"})
CUSTOMER = Customer(
    knvb_id="A1",
    email="a@x",
    freescout_id=None,
    data={"firstName": "Anne"},
    source_hash=WANTED.source_hash,
    last_synced_hash=None,
)
SYNCED = replace(CUSTOMER, freescout_id=7, last_synced_hash=CUSTOMER.source_hash)


@pytest.fixture
def freescout(state):
    return state.freescout


def sync(freescout):
    freescout.store_customers([WANTED])
    freescout.set_customer("A1", 7)
    freescout.mark_synced(CUSTOMER)


def test_a_new_customer_has_no_id_and_is_changed(freescout):
    freescout.store_customers([WANTED])

    assert freescout.customers() == {"A1": CUSTOMER}
    assert CUSTOMER.is_changed


def test_a_customer_that_was_synced_is_changed_again_when_its_data_are(freescout):
    sync(freescout)
    assert freescout.customers() == {"A1": SYNCED}
    assert not SYNCED.is_changed

    freescout.store_customers([replace(WANTED, data={})])

    assert freescout.customers()["A1"].is_changed


def test_an_id_that_is_known_stays_and_one_that_is_not_is_taken_over(freescout):
    noted = replace(WANTED, freescout_id=5)
    freescout.store_customers([noted])
    assert freescout.customers()["A1"].freescout_id == 5

    sync(freescout)
    freescout.store_customers([noted])

    assert freescout.customers() == {"A1": SYNCED}


def test_another_customer_has_been_told_nothing(freescout):
    sync(freescout)

    freescout.set_customer("A1", None)

    assert freescout.customers() == {"A1": CUSTOMER}


def test_a_customer_is_ours_alone_when_we_created_it_and_no_other_member_is_the_same_one(freescout):
    freescout.store_customers([WANTED, *(replace(WANTED, knvb_id=knvb_id) for knvb_id in ("B2", "C3", "D4"))])
    freescout.add_own_customer("A1", 7)
    freescout.set_customer("B2", 7)
    freescout.add_own_customer("C3", 8)
    freescout.set_customer("D4", 9)

    assert [freescout.is_ours_alone(customer) for customer in freescout.customers().values()] == [False, False, True, False]


def test_a_deleted_customer_is_forgotten(freescout):
    sync(freescout)

    freescout.delete_customer("A1")

    assert freescout.customers() == {}


def test_a_customer_that_was_left_is_the_members_again_unless_another_one_is_noted_or_it_is_gone(freescout):
    sync(freescout)
    freescout.leave_customer(SYNCED)
    freescout.store_customers([WANTED])
    assert freescout.customers()["A1"].freescout_id == 7

    freescout.leave_customer(SYNCED)
    freescout.store_customers([replace(WANTED, freescout_id=12)])
    assert freescout.customers()["A1"].freescout_id == 12

    freescout.set_customer("A1", None)
    freescout.delete_customer("A1")
    freescout.store_customers([WANTED])
    assert freescout.customers()["A1"].freescout_id is None
