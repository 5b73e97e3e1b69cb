"""What happens at the club from day to day: people come, go and move, play elsewhere, pay, and are punished.

A day is the same for the same club and the same number of the day; only the dates that it leaves in records are the calendar's.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from pipelines.sandbox.club import Club, JsonObject
from pipelines.sandbox.families import make_household
from pipelines.sandbox.office import make_case, make_contribution
from pipelines.sandbox.rondo_club import RondoClub
from pipelines.sandbox.tasks import COMMITTEE_ROLES, COMMITTEES, FUNCTIONS, function, place
from pipelines.sandbox.teams import add_player, change_name, read_codes, remove_person

YEAR_DAYS = 365
NEW_YEAR, NEW_SEASON = 327, 144
"""The days of a year on which the bills are sent, and on which the teams are made anew; the first day of a club is 7 February."""
FIRST_YEAR = 2026
CORRECTIONS = 0.5
"""How many persons somebody corrects on a day, of a thousand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day to live through."""

    club: Club
    rng: random.Random
    today: date

    @property
    def members(self) -> list[JsonObject]:
        """Those who can be told apart."""
        return [member for member in self.club.members if member.get("PublicPersonId")]

    def change(self, member: JsonObject, **fields: Any) -> None:
        """Change a record, and say when."""
        member.update(fields, LastUpdate=self.today.isoformat())


def live(club: Club, today: date) -> None:
    """Let the club have its next day."""
    for name, (per_thousand, happen) in EVENTS.items():
        rng = random.Random(f"{club.seed} {club.day} {name}")  # noqa: S311  nothing secret
        day = Day(club=club, rng=rng, today=today)
        for _ in range(_times(per_thousand * len(club.members) / 1000, rng)):
            if day.members:
                happen(day)
    yearly = Day(club=club, rng=random.Random(f"{club.seed} {club.day}"), today=today)  # noqa: S311  as above
    if club.day % YEAR_DAYS == NEW_SEASON:
        _make_teams_anew(yearly)
    if club.day % YEAR_DAYS == NEW_YEAR:
        _send_bills(yearly)
    club.day += 1


def correct_by_hand(club: Club, rondo_club: RondoClub) -> None:
    """Let somebody of the club correct contact details on the site, where persons look them up themselves."""
    rng = random.Random(f"{club.seed} {club.day} by hand")  # noqa: S311  nothing secret
    persons = rondo_club.list_members()
    for person_id in rng.sample(persons, min(len(persons), _times(CORRECTIONS * len(persons) / 1000, rng))):
        rows = rondo_club.find_person(person_id)["acf"]["contact_info"]
        number = rng.randrange(10**6)
        value, kind = rng.choice(((f"eigen{number}@postbus.example", "email"), (f"06-00{number:06}", "mobile")))
        kept = [row for row in rows if row["contact_type"] != kind]
        corrected = {"contact_type": kind, "contact_label": "", "contact_value": value}
        rondo_club.change_by_hand(person_id, {"contact_info": [corrected, *kept]})


def _times(expected: float, rng: random.Random) -> int:
    return int(expected) + (rng.random() < expected % 1)


def _join(day: Day) -> None:
    """A household becomes members; those who play find a team, which may be a new one."""
    club = day.club
    taken = {text for member in club.members for text in (member.get("PublicPersonId"), member.get("Email")) if text}
    since = day.today.isoformat()
    for member in make_household(seed=day.rng.random(), taken=taken):
        day.change(member, MemberSince=since, RelationStart=since, PersonImageDate=None, ClubTeams="")
        club.members.append(member)
        for code in read_codes(member["UnionTeams"]):
            add_player(club.teams, member, code, day.rng)
        year = FIRST_YEAR + (club.day + YEAR_DAYS - NEW_YEAR) // YEAR_DAYS
        club.contributions.append(make_contribution(len(club.contributions) + 1, member["PublicPersonId"], year, day.rng))


def _leave(day: Day) -> None:
    """A member goes, with all that is noted of it but the bills and the cases."""
    club, member = day.club, day.rng.choice(day.members)
    knvb_id = member["PublicPersonId"]
    club.members.remove(member)
    remove_person(club.teams, knvb_id)
    club.volunteers.discard(knvb_id)
    club.blocked.discard(knvb_id)
    for noted in (club.functions, club.committees, club.free_fields, club.invoices):
        noted.pop(knvb_id, None)


def _move(day: Day) -> None:
    """Everybody at an address goes to live elsewhere."""
    old = _address(day.rng.choice(day.members))
    if not old[0]:  # nobody knows where they live
        return
    new = {"AddressNumber": day.rng.randrange(200, 400), "AddressNumberAppendix": None, "StreetName": "Verhuisweg"}
    for member in [member for member in day.club.members if _address(member) == old]:
        day.change(member, **new)


def _write_from_elsewhere(day: Day) -> None:
    """A member tells the office a new mail address or a new number."""
    member, number = day.rng.choice(day.members), day.rng.randrange(10**6)
    fields = ({"Email": f"nieuw{number}@postbus.example"}, {"Mobile": f"06-00{number:06}"}, {"Telephone": f"0999-{number:06}"})
    day.change(member, **day.rng.choice(fields))


def _photograph(day: Day) -> None:
    """A new photo, or one taken away."""
    taken_away = day.rng.random() < 1 / 8
    day.change(day.rng.choice(day.members), PersonImageDate=None if taken_away else day.today.isoformat())


def _change_team(day: Day) -> None:
    """A player goes to another team of the same kind, or stops playing."""
    players = [member for member in day.members if read_codes(member.get("UnionTeams"))]
    if players:
        _transfer(day, day.rng.choice(players))


def _transfer(day: Day, member: JsonObject) -> None:
    old = read_codes(member["UnionTeams"])[0]
    codes = sorted({team.code for team in day.club.teams if team.is_union and team.code[:2] == old[:2]} - {old})
    remove_person(day.club.teams, member["PublicPersonId"])
    day.change(member, UnionTeams="", ClubTeams="")
    if codes:
        code = day.rng.choice(codes)
        day.change(member, UnionTeams=code)
        add_player(day.club.teams, member, code, day.rng)


def _make_teams_anew(day: Day) -> None:
    """A third of the players change teams; teams that nobody plays in any more are taken off the list."""
    for member in day.members:
        if read_codes(member.get("UnionTeams")) and day.rng.random() < 1 / 3:
            _transfer(day, member)
    day.club.teams[:] = [team for team in day.club.teams if team.players or not team.is_union]


def _rename_team(day: Day) -> None:
    """A team gets another name, and stays the same team."""
    teams = [team for team in day.club.teams if team.is_union and team.players]
    if teams:
        change_name(day.rng.choice(teams))


def _offend(day: Day) -> None:
    """A player is reported."""
    number = max((int(case["DossierId"].partition("-")[2]) for case in day.club.cases), default=0) + 1
    day.club.cases.append(make_case(number, day.rng.choice(day.members)["PublicPersonId"], day.today, day.rng))


def _judge(day: Day) -> None:
    """A case gets its sanction, and its bill."""
    if day.club.cases:
        case = day.rng.choice(day.club.cases)
        case.update(SanctionDescription="1 wedstrijd uitsluiting", AdministrativeFee=25.0, IsCharged=True)


def _withdraw(day: Day) -> None:
    """A case is taken back, and nothing is left of it; not the newest, whose number would be given again."""
    if day.club.cases[:-1]:
        day.club.cases.remove(day.rng.choice(day.club.cases[:-1]))


def _give_up_address(day: Day) -> None:
    """A member wants no mail any more."""
    day.change(day.rng.choice(day.members), Email="", EmailAlternative="")


def _pay(day: Day) -> None:
    """A bill is paid, whole or in part."""
    owing = [bill for bill in day.club.contributions if bill["saldo_cents"] > 0]
    if owing:
        bill = day.rng.choice(owing)
        bill["saldo_cents"] = day.rng.choice((0, 0, bill["saldo_cents"] // 2))
        bill["status"] = "Openstaand" if bill["saldo_cents"] else "Betaald"


def _send_bills(day: Day) -> None:
    """Everybody owes for the year that begins."""
    club = day.club
    year = FIRST_YEAR + 1 + club.day // YEAR_DAYS
    for member in day.members:
        club.contributions.append(make_contribution(len(club.contributions) + 1, member["PublicPersonId"], year, day.rng))


def _take_a_task(day: Day) -> None:
    """A member becomes a volunteer, or does more than before; every other time in a committee."""
    club, member, since = day.club, day.rng.choice(day.members), day.today.isoformat()
    knvb_id = member["PublicPersonId"]
    if day.rng.random() < 1 / 2:
        club.functions[knvb_id] = [*_rows(club.functions, knvb_id), function(day.rng.choice(FUNCTIONS), since)]
    else:
        added = place(day.rng.choice(COMMITTEES), day.rng.choice(COMMITTEE_ROLES), since)
        club.committees[knvb_id] = [*_rows(club.committees, knvb_id), added]
    club.volunteers.add(knvb_id)
    day.change(member)


def _lay_down_tasks(day: Day) -> None:
    """A volunteer stops."""
    club = day.club
    if not club.volunteers:
        return
    knvb_id = day.rng.choice(sorted(club.volunteers))
    for tasks in (club.functions, club.committees):
        tasks[knvb_id] = [{**row, "RelationEnd": day.today.isoformat(), "Status": "ENDED"} for row in _rows(tasks, knvb_id)]
    club.volunteers.discard(knvb_id)
    member = club.find_member(knvb_id)
    if member:
        day.change(member)


def _bring_certificate(day: Day) -> None:
    """A volunteer brings a new certificate (VOG)."""
    if day.club.volunteers:
        knvb_id = day.rng.choice(sorted(day.club.volunteers))
        day.club.free_fields.setdefault(knvb_id, {})["Remarks8"] = {"Value": f"{day.today:%d-%m-%Y}"}


def _block(day: Day) -> None:
    """A member may not move to another club any more, or may again."""
    member = day.rng.choice(day.members)
    day.club.blocked ^= {member["PublicPersonId"]}
    day.change(member)


def _rows(tasks: dict[str, Any], knvb_id: str) -> list[JsonObject]:
    listed = tasks.get(knvb_id, [])
    return listed if isinstance(listed, list) else [listed]


def _address(member: JsonObject) -> tuple[Any, ...]:
    return tuple(member.get(name) for name in ("StreetName", "AddressNumber", "AddressNumberAppendix", "ZipCode"))


EVENTS: dict[str, tuple[float, Callable[[Day], None]]] = {
    "join": (0.3, _join),
    "leave": (0.5, _leave),
    "move": (0.4, _move),
    "write": (0.6, _write_from_elsewhere),
    "photograph": (1.5, _photograph),
    "change team": (1.0, _change_team),
    "rename team": (0.05, _rename_team),
    "offend": (0.15, _offend),
    "judge": (0.1, _judge),
    "withdraw": (0.05, _withdraw),
    "give up address": (0.05, _give_up_address),
    "pay": (8.0, _pay),
    "take a task": (0.3, _take_a_task),
    "lay down tasks": (0.2, _lay_down_tasks),
    "certificate": (0.2, _bring_certificate),
    "block": (0.1, _block),
}
"""How often something happens on a day, for a thousand members."""
