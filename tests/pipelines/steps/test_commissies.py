"""Commissies become posts of Rondo Club."""

from datetime import date

import pytest

from pipelines.result.functions import FunctionsDownloadResult
from pipelines.result.posts import PostsResult
from pipelines.sandbox import Fault, FaultKind
from pipelines.sandbox.tasks import place
from pipelines.state import Place
from pipelines.steps.functions import Selection
from pipelines.transform.titles import shown_title
from tests.pipelines.steps.filled import download_functions, sync_commissies

COMMISSIES = "wp/v2/commissies"
DOWNLOAD = FunctionsDownloadResult(total=1, downloaded=1, is_complete=True)
NO_ANSWER_OF_B2 = Fault(kind=FaultKind.SERVER_ERROR, system="sportlink", path="*/MemberCommittees", subject="B2", times=None)


def result(*failures, **counts):
    return PostsResult(**counts, failures=list(failures))


@pytest.fixture
def known(systems):
    """Makes these the commissies that members have places in."""

    def store(*names):
        places = [
            Place(knvb_id="A1", commissie=name, role="Lid", sportlink_id="", start_date="", is_active=True) for name in names
        ]
        systems.state.functions.store(places, {}, replaced=["A1"])

    return store


@pytest.fixture
def titles(club_sandbox):
    return lambda: [shown_title(post) for post in club_sandbox.rondo_club.posts.all("commissies")]


def test_a_second_run_writes_nothing_and_force_writes_all(systems, known, sent):
    known("Jeugd", "Kantine & Co")

    assert sync_commissies(systems, DOWNLOAD) == result(total=2, created=2, skipped=0, deleted=0)
    assert sent() == [
        ("POST", COMMISSIES, {"title": name, "status": "publish", "content": ""}) for name in ("Jeugd", "Kantine & Co")
    ]
    assert sync_commissies(systems, DOWNLOAD) == result(total=2, skipped=2, deleted=0)
    assert sent() == []
    assert sync_commissies(systems, DOWNLOAD, force=True) == result(total=2, updated=2, skipped=0, deleted=0)
    assert {body["title"] for _, _, body in sent()} == {"Jeugd", "Kantine & Co"}


def test_a_commissie_created_in_this_run_stays_and_one_that_nobody_is_in_goes(systems, known, titles):
    known("Jeugd", "Kantine")
    sync_commissies(systems, DOWNLOAD)

    known("Jeugd", "Sponsors")

    assert sync_commissies(systems, DOWNLOAD) == result(total=2, created=1, skipped=1, deleted=1)
    assert titles() == ["Jeugd", "Sponsors"]


@pytest.mark.parametrize(
    "download",
    [FunctionsDownloadResult(), FunctionsDownloadResult(total=7, is_complete=True)],
    ids=["failed", "empty"],
)
def test_without_a_place_of_anybody_no_commissie_is_deleted(systems, known, sent, download):
    known("Jeugd", "Kantine")
    sync_commissies(systems, DOWNLOAD)
    sent()

    known()

    assert sync_commissies(systems, download) == result(total=0, skipped=0)
    assert sent() == []


def test_a_download_of_recent_members_deletes_no_commissie_also_with_a_lost_state(systems, known, titles):
    known("Jeugd", "Kantine")
    sync_commissies(systems, DOWNLOAD)
    systems.state.rondo._connection.execute("DELETE FROM rondo_club_posts")
    known("Jeugd")

    done = sync_commissies(systems, FunctionsDownloadResult(total=1, downloaded=1))

    assert done == result(total=1, updated=1, skipped=0)
    assert titles() == ["Jeugd", "Kantine"]


@pytest.mark.parametrize("club_sandbox", [[NO_ANSWER_OF_B2]], indirect=True, ids=["b2-fails"])
def test_a_commissie_of_a_member_that_failed_stays_also_with_a_lost_state(systems, members, club_sandbox, known, titles):
    members({"PublicPersonId": "A1"}, {"PublicPersonId": "B2"})
    places = {"A1": "Jeugdcommissie", "B2": "Kantinecommissie"}
    club_sandbox.club.committees |= {knvb_id: [place(name, "Lid", "2021-01-01")] for knvb_id, name in places.items()}
    known("Jeugdcommissie", "Kantinecommissie")
    sync_commissies(systems, DOWNLOAD)
    systems.state.rondo._connection.executescript("DELETE FROM rondo_club_posts; DELETE FROM sportlink_member_functions")

    download = download_functions(systems, Selection(everyone=True), today=date(2026, 2, 8))

    assert (download.failed, download.downloaded) == (1, 1)
    assert sync_commissies(systems, download) == result(total=1, updated=1, skipped=0)
    assert titles() == ["Jeugdcommissie", "Kantinecommissie"]


def test_no_commissie_is_deleted_when_all_of_them_would_be(systems, known, titles):
    known("Jeugd", "Kantine")
    sync_commissies(systems, DOWNLOAD)

    known("Sponsors")

    assert sync_commissies(systems, DOWNLOAD).failed == 1
    assert titles() == ["Jeugd", "Kantine", "Sponsors"]


def test_with_a_lost_state_no_commissie_is_created_twice(systems, known, titles):
    names = ["'t Hok", "Foto's - jeugd", "Jeugd", "Kantine & Co"]
    known(*names)
    sync_commissies(systems, DOWNLOAD)
    systems.state.rondo._connection.execute("DELETE FROM rondo_club_posts")

    assert sync_commissies(systems, DOWNLOAD) == result(total=4, updated=4, skipped=0, deleted=0)
    assert titles() == names


@pytest.mark.parametrize(("before", "after"), [("Foto\u2019s", "Foto's"), ("Foto's", "Foto\u2019s")])
def test_a_commissie_whose_quotes_change_keeps_its_post(systems, known, titles, before, after):
    known(before, "Jeugd", "Sponsors")
    sync_commissies(systems, DOWNLOAD)
    ids = {post.post_id for post in systems.state.commissies.posts()}

    known(after, "Jeugd", "Sponsors")

    assert sync_commissies(systems, DOWNLOAD) == result(total=3, updated=1, skipped=2, deleted=0)
    assert {post.post_id for post in systems.state.commissies.posts()} == ids
    assert sync_commissies(systems, DOWNLOAD) == result(total=3, skipped=3)
    assert titles() == ["Foto's", "Jeugd", "Sponsors"]


def test_a_commissie_that_was_renamed_by_hand_is_not_taken_for_the_one_of_that_name(systems, known, titles):
    known("Jeugd")
    sync_commissies(systems, DOWNLOAD)
    [jeugd] = systems.state.commissies.posts()
    systems.rondo_club.update_commissie(jeugd.post_id or 0, {"title": "Sponsors"})

    known("Jeugd", "Sponsors")
    sync_commissies(systems, DOWNLOAD)

    assert len({post.post_id for post in systems.state.commissies.posts()}) == 2
    assert titles() == ["Sponsors", "Sponsors"]
    assert sync_commissies(systems, DOWNLOAD, force=True).updated == 2
    assert titles() == ["Jeugd", "Sponsors"]
