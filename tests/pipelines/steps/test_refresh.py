"""Asking Rondo Club what has changed there."""

from pipelines.steps.refresh import refresh_persons


def create(systems, knvb_id):
    return systems.rondo_club.create_person(
        {"status": "publish", "acf": {"first_name": "X", "last_name": "Y", "knvb-id": knvb_id}}
    )


def queries(sandbox):
    return [request.query.get("modified_after") for request in sandbox.requests if request.method == "GET"]


def test_an_empty_rondo_club_says_nothing(systems):
    refresh_persons(systems)

    assert (systems.state.rondo.refreshed_until(), systems.state.rondo.volunteers()) == (None, frozenset())


def test_every_person_is_read_once_and_then_only_those_modified_since(systems, club_sandbox):
    club_sandbox.club.volunteers.update({"A1", "B2"})
    create(systems, "A1")
    create(systems, "")

    refresh_persons(systems)
    until = systems.state.rondo.refreshed_until()
    assert systems.state.rondo.volunteers() == {"A1"}
    create(systems, "B2")
    refresh_persons(systems)

    assert systems.state.rondo.volunteers() == {"A1", "B2"}
    assert queries(club_sandbox) == [None, until]


def test_the_second_that_was_read_last_is_read_again(systems, club_sandbox):
    person_id = create(systems, "A1")
    modified = systems.rondo_club.get_person(person_id)["modified_gmt"]

    refresh_persons(systems)

    until = systems.state.rondo.refreshed_until()
    assert until.endswith("Z")
    assert until.removesuffix("Z") < modified


def test_more_persons_than_a_page_holds_are_all_read(systems, club_sandbox):
    known = [f"M{number}" for number in range(103)]
    club_sandbox.club.volunteers.update(known)
    for knvb_id in known:
        create(systems, knvb_id)

    refresh_persons(systems)

    assert systems.state.rondo.volunteers() == set(known)
