"""The pipeline people: members of Sportlink to the Laposta lists and to Rondo Club, and contact details back."""

from contextlib import suppress

from otel_sqlite import Run, run
from pipelines.cli import command
from pipelines.errors import SyncError
from pipelines.flow import optional
from pipelines.report.layout import Report
from pipelines.report.people import people_report
from pipelines.result import Clock, utc_now
from pipelines.result.people import PeopleStats
from pipelines.settings import System
from pipelines.steps import contacts, members, persons, photos, subscribers
from pipelines.systems import Systems


def sync_people(systems: Systems, *, force: bool = False, clock: Clock = utc_now) -> Report[PeopleStats]:
    """Bring members, their parents and their photos from Sportlink to Laposta and Rondo Club, and contact details back."""
    # A SyncError that ends the run stands in the report; any other error leaves it.
    stats = PeopleStats()
    with suppress(SyncError), run("people") as r, stats.completing(r.summarize, clock):
        member_steps(r, systems, stats, force=force)
        photo_steps(r, systems, stats)
        with optional(stats.step_failures, "reverse-sync"), r.step("reverse-sync") as s:
            contacts.push_contacts(systems, s.record(stats.reverse_sync))
    return people_report(stats, shows_pushed_members=systems.settings.shows_pushed_members)


def member_steps(r: Run, systems: Systems, stats: PeopleStats, *, force: bool) -> None:
    """The steps that bring members and their parents, in any run; without a download the run ends."""
    with r.step("sportlink-download") as s:
        members.download_members(systems, s.record(stats.download))
    with r.step("laposta-prepare") as s:
        subscribers.prepare_subscribers(systems, s.record(stats.prepare))
    with optional(stats.step_failures, "laposta"), r.step("laposta-submit") as s:
        subscribers.submit_subscribers(systems, s.record(stats.laposta), force=force)
    with optional(stats.step_failures, "rondoClub"), r.step("rondo-club-sync") as s:
        persons.sync_persons(systems, s.record(stats.rondo_club), force=force)


def photo_steps(r: Run, systems: Systems, stats: PeopleStats) -> None:
    """The steps that bring photos, in any run."""
    with optional(stats.step_failures, "photo-download"), r.step("photo-download") as s:
        photos.download_photos(systems, s.record(stats.photos.download))
    with optional(stats.step_failures, "photo-sync"), r.step("photo-upload") as s:
        photos.upload_photos(systems, s.record(stats.photos.upload))


main = command("people", sync_people, systems=(System.SPORTLINK, System.LAPOSTA, System.RONDO_CLUB))
