"""The printed summary of a run of all."""

from pipelines.report.discipline import case_lines
from pipelines.report.freescout import customer_lines
from pipelines.report.layout import Report, section, summary
from pipelines.report.people import laposta_lines, person_lines, photo_lines
from pipelines.report.posts import post_lines, work_history_lines
from pipelines.result.all import AllStats, PhotoCoverage
from pipelines.result.functions import FunctionsStats
from pipelines.result.people import PeopleStats, SubmittedList


def all_report(stats: AllStats) -> Report[AllStats]:
    """What a run of all comes to."""
    text = summary(
        "SPORTLINK SYNC SUMMARY",
        stats,
        section("TOTALS", _totals(stats.people)),
        section("PER-LIST BREAKDOWN", map(_list, stats.people.laposta.lists)),
        section("RONDO CLUB SYNC", person_lines(stats.people.rondo_club)),
        section("TEAM SYNC", post_lines("Teams", stats.teams.teams)),
        section("WORK HISTORY SYNC", work_history_lines(stats.teams.work_history)),
        section("FUNCTIONS & COMMISSIES SYNC", _functions(stats.functions)),
        section("PHOTO SYNC", [*photo_lines(stats.people.photos), _coverage(stats.coverage)]),
        section("FREESCOUT SYNC", _customers(stats)),
        section("DISCIPLINE SYNC", case_lines(stats.discipline.stats.sync)),
    )
    return Report(stats=stats, summary=text)


def _totals(people: PeopleStats) -> list[str]:
    subscribers = laposta_lines(people.laposta, people.prepare.created, people.prepare.excluded)
    return [f"Members downloaded: {people.download.downloaded}", *subscribers]


def _list(submitted: SubmittedList) -> str:
    if submitted.list_id is None:
        return f"List {submitted.index}: not configured"
    counts = f"{submitted.created} added, {submitted.updated} updated"
    return f"List {submitted.index}: {submitted.synced}/{submitted.total} synced ({counts})"


def _functions(functions: FunctionsStats) -> list[str]:
    download = functions.download
    places = f"{download.functions_count} functions, {download.committees_count} committee memberships"
    return [
        f"Members processed: {download.total} ({places})",
        *post_lines("Commissies", functions.commissies),
        *work_history_lines(functions.work_history),
    ]


def _coverage(coverage: PhotoCoverage) -> str:
    share = 100 * coverage.members_with_photos // max(coverage.total_members, 1)
    return f"Coverage: {coverage.members_with_photos}/{coverage.total_members} members have a photo ({share}%)"


def _customers(stats: AllStats) -> list[str]:
    return customer_lines(stats.customers) if stats.has_freescout else ["skipped (not configured)"]
