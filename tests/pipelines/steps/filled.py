"""The steps as tests like to call them: each gives back a new result that it filled."""

from functools import wraps

from pipelines.result.discipline import CaseDownloadResult, CasesResult
from pipelines.result.freescout import CustomersResult
from pipelines.result.functions import FreeFieldsResult, FunctionsDownloadResult
from pipelines.result.nikki import ContributionsResult, NikkiDownloadResult
from pipelines.result.people import (
    DownloadResult,
    PersonsResult,
    PhotoDownloadResult,
    PhotoUploadResult,
    PrepareResult,
    ReverseSyncResult,
    SubmitResult,
)
from pipelines.result.posts import PostsResult, WorkHistoryResult
from pipelines.result.teams import TeamDownloadResult
from pipelines.steps import (
    cases,
    commissies,
    contacts,
    contributions,
    customers,
    free_fields,
    functions,
    members,
    persons,
    photos,
    subscribers,
    teams,
    work_history,
)


def _filled(step, make_result):
    @wraps(step)
    def fill(systems, *arguments, **flags):
        result = make_result()
        step(systems, result, *arguments, **flags)
        return result

    return fill


download_cases = _filled(cases.download_cases, CaseDownloadResult)
sync_cases = _filled(cases.sync_cases, CasesResult)
sync_commissies = _filled(commissies.sync_commissies, PostsResult)
push_contacts = _filled(contacts.push_contacts, ReverseSyncResult)
download_contributions = _filled(contributions.download_contributions, NikkiDownloadResult)
sync_contributions = _filled(contributions.sync_contributions, ContributionsResult)
sync_customers = _filled(customers.sync_customers, CustomersResult)
sync_free_fields = _filled(free_fields.sync_free_fields, FreeFieldsResult)
download_functions = _filled(functions.download_functions, FunctionsDownloadResult)
download_members = _filled(members.download_members, DownloadResult)
sync_persons = _filled(persons.sync_persons, PersonsResult)
download_photos = _filled(photos.download_photos, PhotoDownloadResult)
upload_photos = _filled(photos.upload_photos, PhotoUploadResult)
prepare_subscribers = _filled(subscribers.prepare_subscribers, PrepareResult)
submit_subscribers = _filled(subscribers.submit_subscribers, SubmitResult)
download_teams = _filled(teams.download_teams, TeamDownloadResult)
sync_teams = _filled(teams.sync_teams, PostsResult)
sync_team_history = _filled(work_history.sync_team_history, WorkHistoryResult)
sync_commissie_history = _filled(work_history.sync_commissie_history, WorkHistoryResult)
