"""The JSON that Sportlink's pages ask for, made of the club; one function for each kind of answer."""

from collections.abc import Callable, Mapping
from typing import Any

from pipelines.sandbox.club import Club
from pipelines.sandbox.teams import Team

Query = Mapping[str, str]
Answer = Callable[[Club, Query], Any]
"""The answer to a query; None when what it names does not exist."""

ENTITY = "/navajo/entity/common/clubweb"

CASES = f"{ENTITY}/competition/DisciplineClubCases"

_DEFAULT_ADDRESS = ("StreetName", "AddressNumber", "AddressNumberAppendix", "ZipCode", "City", "CountryName")
_DEFAULT_INFORMATION = {"EmailAddress": None, "ExternalInvoiceCode": None}


def _list_teams(*, union: bool) -> Answer:
    return lambda club, _query: {"Team": [team.row for team in club.teams if team.is_union is union]}


def _list_persons(part: str, *, union: bool) -> Answer:
    """Players or staff of a team."""

    def answer(club: Club, query: Query) -> Any:
        team = _find_team(club, query, union=union)
        return team and {"Person": getattr(team, part)}

    return answer


def _find_team(club: Club, query: Query, *, union: bool) -> Team | None:
    teams = (team for team in club.teams if team.is_union is union and team.team_id)
    return next((team for team in teams if team.team_id == query.get("PublicTeamId")), None)


def _of_member(make: Callable[[Club, str], Any]) -> Answer:
    """What is known of one member."""

    def answer(club: Club, query: Query) -> Any:
        knvb_id = query.get("PublicPersonId", "")
        return make(club, knvb_id) if knvb_id and club.find_member(knvb_id) else None

    return answer


def _functions(club: Club, knvb_id: str) -> Any:
    """Somebody without functions has no list of them either."""
    return {"Function": club.functions[knvb_id]} if knvb_id in club.functions else {}


def _committees(club: Club, knvb_id: str) -> Any:
    return {"Committee": club.committees.get(knvb_id, [])}


def _union_functions(_club: Club, _knvb_id: str) -> Any:
    """What a listener that is too easily pleased takes for the club's functions."""
    return {"Function": [{"FunctionDescription": "Bondsfunctionaris", "Status": "ACTIVE", "RelationEnd": None}]}


def _free_fields(club: Club, knvb_id: str) -> Any:
    empty = {"Remarks3": {"Value": None}, "Remarks8": {"Value": ""}}
    return {"FreeFields": {**empty, **club.free_fields.get(knvb_id, {})}}


def _invoice_address(club: Club, knvb_id: str) -> Any:
    if knvb_id in club.invoices:
        return {"Address": club.invoices[knvb_id]["Address"]}
    member = club.find_member(knvb_id) or {}
    return {"Address": {**{name: member.get(name) for name in _DEFAULT_ADDRESS}, "IsDefault": True}}


def _invoice_information(club: Club, knvb_id: str) -> Any:
    if knvb_id in club.invoices:
        return {"PaymentInvoiceInformation": club.invoices[knvb_id]["PaymentInvoiceInformation"]}
    member = club.find_member(knvb_id) or {}
    names = {name: member.get(name) for name in ("LastName", "Infix", "Initials")}
    return {"PaymentInvoiceInformation": {**names, **_DEFAULT_INFORMATION}}


TABS: Mapping[str, tuple[str, ...]] = {
    "functions": ("function/UnionMemberFunctions", "function/MemberFunctions", "function/MemberCommittees"),
    "other": ("MemberHeader", "remarks/MemberFreeFields"),
    "financial": ("financial/MemberPaymentInvoiceAddress", "financial/MemberPaymentInvoiceInformation"),
}
"""What the tabs of a member ask for, in their order; not all of it is what a reader of the tab is after."""

ANSWERS: Mapping[str, Answer] = {
    f"{ENTITY}/team/UnionTeams": _list_teams(union=True),
    f"{ENTITY}/team/ClubTeams": _list_teams(union=False),
    f"{ENTITY}/team/UnionTeamsPlayers": lambda _club, _query: {"Team": []},
    f"{ENTITY}/team/ClubTeamsPlayers": lambda _club, _query: {"Team": []},
    f"{ENTITY}/team/UnionTeamPlayers": _list_persons("players", union=True),
    f"{ENTITY}/team/UnionTeamNonPlayers": _list_persons("staff", union=True),
    f"{ENTITY}/team/ClubTeamPlayers": _list_persons("players", union=False),
    f"{ENTITY}/team/ClubTeamNonPlayers": _list_persons("staff", union=False),
    f"{ENTITY}/member/function/UnionMemberFunctions": _of_member(_union_functions),
    f"{ENTITY}/member/function/MemberFunctions": _of_member(_functions),
    f"{ENTITY}/member/function/MemberCommittees": _of_member(_committees),
    f"{ENTITY}/member/remarks/MemberFreeFields": _of_member(_free_fields),
    f"{ENTITY}/member/financial/MemberPaymentInvoiceAddress": _of_member(_invoice_address),
    f"{ENTITY}/member/financial/MemberPaymentInvoiceInformation": _of_member(_invoice_information),
    f"{CASES}Team": lambda _club, _query: [],
    f"{CASES}Player": lambda club, _query: club.cases,
}
