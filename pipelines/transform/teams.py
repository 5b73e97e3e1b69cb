"""Sportlink teams -> team posts of Rondo Club, and the teams that a member's record means."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pipelines.clients import JsonObject
from pipelines.state import Post, WantedPost
from pipelines.transform.sportlink import MemberRecord, distinct

GENDERS: Mapping[str, str] = {"Mannen": "male", "Vrouwen": "female"}
"""Sportlink's word -> Rondo Club's; a team of both is without one."""


def is_team(raw: JsonObject) -> bool:
    """A row without a name or an id is no team, and a club team that plays as a union team is listed there."""
    return bool(_name(raw) and raw.get("PublicTeamId")) and not (raw["kind"] == "club" and raw.get("HasUnionTeamConnection"))


def wanted_team(raw: JsonObject) -> WantedPost:
    """The post that Rondo Club shall have of a team. Names may be as short as one digit."""
    key, name = str(raw["PublicTeamId"]), _name(raw)
    acf = {"publicteamid": key, "activiteit": raw.get("GameActivityDescription") or ""}
    gender = GENDERS.get(raw.get("Gender") or "")
    body = {"title": name, "status": "publish", "acf": {**acf, "gender": gender} if gender else acf}
    return WantedPost(key=key, name=name, team_code=str(raw.get("TeamCode") or "").strip(), body=body)


def read_roster(members: Iterable[JsonObject]) -> dict[str, str]:
    """Role by KNVB id. Who is listed twice, as a player and as staff, has the first role that is named."""
    roster: dict[str, str] = {}
    for member in members:
        knvb_id = str(member.get("PublicPersonId") or "")
        if knvb_id:
            roster[knvb_id] = roster.get(knvb_id) or str(member.get("role") or "").strip()
    return roster


class TeamFinder:
    """Finds the teams that a member's record means by a code.

    Codes are no keys: the first teams of Saturday and Sunday have the same one, and what stands in the record may be
    the team's name, with the name of the club before it or without.
    """

    def __init__(self, teams: Sequence[Post], rosters: Mapping[str, Mapping[str, str]]) -> None:
        self._rosters = rosters
        self._by_code: defaultdict[str, list[Post]] = defaultdict(list)
        self._by_name: defaultdict[str, list[Post]] = defaultdict(list)
        for team in teams:
            self._by_code[team.team_code].append(team)
            for name in _short_names(team.name):
                self._by_name[name].append(team)

    def find(self, member: MemberRecord) -> Iterator[tuple[Post, str]]:
        """Gives the member's teams, each once, with its role there; without a role it may be a team that is not meant."""
        found = {team.key: team for code in read_codes(member) for team in self._means(code, member.knvb_id)}
        for team in found.values():
            yield team, self._rosters.get(team.key, {}).get(member.knvb_id, "")

    def _means(self, code: str, knvb_id: str) -> list[Post]:
        """The team of a code or, where several could be meant, those that have the member on their roster, if any has."""
        teams = self._by_code.get(code) or _first(self._by_name, _short_names(code))
        own = [team for team in teams if knvb_id in self._rosters.get(team.key, {})]
        return own or teams


def read_codes(member: MemberRecord) -> list[str]:
    """The codes in a member's record, union teams first."""
    return distinct(code.strip() for field in ("UnionTeams", "ClubTeams") for code in member[field].split(","))


def _name(raw: JsonObject) -> str:
    return str(raw.get("TeamName") or raw.get("Name") or "").strip()


def _short_names(name: str) -> list[str]:
    """The name, and what is left of it without its first words: one of these is free of the club's name."""
    words = name.split()
    return [" ".join(words[start:]) for start in range(len(words))]


def _first(teams: Mapping[str, list[Post]], names: Iterable[str]) -> list[Post]:
    return next((teams[name] for name in names if name in teams), [])
