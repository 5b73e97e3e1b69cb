"""Makes up the teams of a club, with their players and staff, from the codes in the records of its members."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

JsonObject = dict[str, Any]

CLUB_NAME = "Voorbeeldclub"
ADULT_AGE = 18

MANY_TEAMS = 20

_PLAYER_ROLES = (("Teamspeler", "Keeper", "Aanvoerder", ""), (80, 10, 8, 2))
_STAFF_ROLES = ("Trainer/coach", "Assistent-trainer/coach", "Teammanager", "Leider", "Verzorger", None)
_PLAYED_TWICE = "1"  # the code of two first teams: one plays on Saturday, one on Sunday
_FIRST_ODD_ID = "T9000"
_TAKEN_OVER = frozenset({"1", "2", "3"})  # club teams that exist as union teams


@dataclass(slots=True, kw_only=True)
class Team:
    """A team: its row in Sportlink's list of union or club teams, and who belongs to it, as Sportlink lists them."""

    is_union: bool
    row: JsonObject
    players: list[JsonObject]
    staff: list[JsonObject]

    @property
    def code(self) -> str:
        """What the records of its players call it."""
        return str(self.row.get("TeamCode") or self.row.get("TeamName") or self.row.get("Name"))

    @property
    def team_id(self) -> str | None:
        """Sportlink's key; a row without one is an oddity."""
        return self.row.get("PublicTeamId")


def make_teams(members: Sequence[JsonObject], *, seed: int) -> list[Team]:
    """The teams that the members play in. Staff get the code of their team in their own records, as players have it."""
    rng = random.Random(f"teams {seed}")  # noqa: S311  nothing secret
    codes = _codes(members, "UnionTeams")
    names = [code for code in codes for _ in range(2 if code == _PLAYED_TWICE else 1)]
    union = [_union_team(code, number) for number, code in enumerate(names, start=1)]
    club = [_club_team(code, len(union) + number) for number, code in enumerate(_codes(members, "ClubTeams"), start=1)]
    _add_players(union, club, members, rng)
    _add_staff(union, members, rng)
    return [*union, *club, *_oddities(union)]


def read_codes(text: str | None) -> list[str]:
    """The codes in a member's record."""
    return [code.strip() for code in (text or "").split(",") if code.strip()]


def add_code(member: JsonObject, code: str) -> None:
    """Name a team in the record of a member."""
    codes = read_codes(member.get("UnionTeams"))
    if code not in codes:
        member["UnionTeams"] = ", ".join([*codes, code])


def add_player(teams: list[Team], member: JsonObject, code: str, rng: random.Random) -> None:
    """Put a member on the roster of a union team with this code, which is new if there is none."""
    candidates = [team for team in teams if team.is_union and team.code == code and team.team_id]
    if not candidates:
        numbers = [int(team.team_id[1:]) for team in teams if team.team_id and team.team_id < _FIRST_ODD_ID]
        candidates = [_union_team(code, max(numbers, default=0) + 1)]
        teams += candidates
    rng.choice(candidates).players.append(player(member, rng))


def remove_person(teams: Sequence[Team], knvb_id: str) -> None:
    """Take somebody off every roster."""
    for team in teams:
        team.players[:] = [row for row in team.players if row["PublicPersonId"] != knvb_id]
        team.staff[:] = [row for row in team.staff if row["PublicPersonId"] != knvb_id]


def change_name(team: Team) -> None:
    """Name a team with the club's name before its code, or without it where it had that."""
    name = team.row.get("TeamName") or team.row.pop("Name", "")
    team.row["TeamName"] = team.code if name.startswith(CLUB_NAME) else f"{CLUB_NAME} {team.code}"


def player(member: JsonObject, rng: random.Random) -> JsonObject:
    """A row of a team's players; now and then without a role."""
    role = rng.choices(*_PLAYER_ROLES)[0]
    return {"PublicPersonId": member["PublicPersonId"], "RoleFunctionDescription": role or None}


def _codes(members: Sequence[JsonObject], field: str) -> list[str]:
    return sorted({code for member in members for code in read_codes(member.get(field))})


def _union_team(code: str, number: int) -> Team:
    """Two of three names carry the club's; the name is under either of two keys."""
    name = code if number % 3 == 0 else f"{CLUB_NAME} {code}"
    row = {
        "Name" if number % 5 == 0 else "TeamName": name,
        "PublicTeamId": f"T{number:04}",
        "TeamCode": code,
        "GameActivityDescription": "Veld - Zondag" if code[0].isdigit() and number % 2 == 0 else "Veld - Zaterdag",
        "Gender": _gender(code),
    }
    return Team(is_union=True, row=row, players=[], staff=[])


def _club_team(code: str, number: int) -> Team:
    row = {
        "TeamName": code,
        "PublicTeamId": f"T{number:04}",
        "TeamCode": code,
        "GameActivityDescription": "Veld - Recreatief",
        "Gender": "Gemengd",
        "HasUnionTeamConnection": code in _TAKEN_OVER,
    }
    return Team(is_union=False, row=row, players=[], staff=[])


def _gender(code: str) -> str:
    if code.startswith(("MO", "VR")):
        return "Vrouwen"
    return "Gemengd" if code.startswith("JO") else "Mannen"


def _add_players(union: Sequence[Team], club: Sequence[Team], members: Sequence[JsonObject], rng: random.Random) -> None:
    """Put everybody with a KNVB ID on the roster of one team for each of their codes."""
    by_code: dict[str, list[Team]] = {}
    for team in union:
        by_code.setdefault(team.code, []).append(team)
    own = {team.code: team for team in club}
    for member in members:
        if not member.get("PublicPersonId"):
            continue
        codes = read_codes(member.get("UnionTeams"))
        for code in codes:
            rng.choice(by_code[code]).players.append(player(member, rng))
        for code in read_codes(member.get("ClubTeams")):
            if code not in codes:
                own[code].players.append(player(member, rng))


def _add_staff(teams: Sequence[Team], members: Sequence[JsonObject], rng: random.Random) -> None:
    """Give every team one to three adults with tasks; some tasks have no name."""
    adults = [member for member in members if (member["Age"] or 0) >= ADULT_AGE and member.get("PublicPersonId")]
    for team in teams:
        players = {row["PublicPersonId"] for row in team.players}
        for member in rng.sample(adults, min(len(adults), rng.randrange(1, 4))):
            if member["PublicPersonId"] not in players:
                role = rng.choice(_STAFF_ROLES)
                team.staff.append({"PublicPersonId": member["PublicPersonId"], "FunctionDescription": role})
                add_code(member, team.code)


def _oddities(union: Sequence[Team]) -> list[Team]:
    """A row without a name, one without a key, and a team of the club alone that has no code and nobody in it."""
    if len(union) < MANY_TEAMS:
        return []
    return [
        Team(is_union=True, row={"TeamName": "", "PublicTeamId": "T9001", "TeamCode": "JO19-9"}, players=[], staff=[]),
        Team(is_union=True, row={"TeamName": f"{CLUB_NAME} JO19-8", "PublicTeamId": None}, players=[], staff=[]),
        Team(is_union=False, row={"Name": "Walking Football", "PublicTeamId": "T9002"}, players=[], staff=[]),
    ]
