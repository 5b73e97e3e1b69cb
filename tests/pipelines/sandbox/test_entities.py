"""What Sportlink's further pages ask for, and what they get."""

import httpx
import pytest
from selectolax.lexbor import LexborHTMLParser

from pipelines.sandbox.teams import Team

ENTITY = "/navajo/entity/common/clubweb"
FENNA = {
    "PublicPersonId": "QXZT41P",
    "FirstName": "Fenna",
    "LastName": "Voorbeeld",
    "Infix": "van",
    "Initials": "F.",
    "StreetName": "Dorpsstraat",
    "AddressNumber": 12,
    "City": "Testdorp",
}
PLAYER = {"PublicPersonId": "QXZT41P", "RoleFunctionDescription": "Keeper"}
STAFF = {"PublicPersonId": "QXZT41P", "FunctionDescription": "Trainer/coach"}
UNION = {"TeamName": "Voorbeeldclub JO17-1", "PublicTeamId": "T0001", "TeamCode": "JO17-1"}
CLUB = {"Name": "Walking Football", "PublicTeamId": "T0002"}


@pytest.fixture
def club(sandbox):
    """A club of one member, in which nothing happens."""
    sandbox.club.clear()
    sandbox.club.members.append(FENNA)
    return sandbox.club


@pytest.fixture
def ask(browser):
    """Asks for an entity as a page does."""
    browser.log_in()
    return lambda name, **query: browser.get(f"{ENTITY}/{name}", params=query)


@pytest.fixture
def ask_of_fenna(ask, club):
    return lambda name: ask(f"member/{name}", PublicPersonId="QXZT41P").json()


class TestTeams:
    @pytest.fixture(autouse=True)
    def teams(self, club):
        club.teams[:] = [
            Team(is_union=True, row=UNION, players=[PLAYER], staff=[STAFF]),
            Team(is_union=False, row=CLUB, players=[], staff=[STAFF]),
        ]

    def test_union_and_club_teams_are_two_lists(self, ask):
        assert [ask(f"team/{kind}Teams").json() for kind in ("Union", "Club")] == [{"Team": [UNION]}, {"Team": [CLUB]}]

    def test_players_and_staff_are_asked_for_one_by_one(self, ask):
        asked = [
            ask("team/UnionTeamPlayers", PublicTeamId="T0001"),
            ask("team/UnionTeamNonPlayers", PublicTeamId="T0001"),
            ask("team/ClubTeamPlayers", PublicTeamId="T0002"),
            ask("team/ClubTeamNonPlayers", PublicTeamId="T0002"),
        ]

        assert [answer.json() for answer in asked] == [{"Person": rows} for rows in ([PLAYER], [STAFF], [], [STAFF])]

    @pytest.mark.parametrize(("name", "team_id"), [("Union", "T0002"), ("Club", "T0001"), ("Union", ""), ("Union", "T9")])
    def test_a_team_is_only_known_as_what_it_is(self, ask, name, team_id):
        assert ask(f"team/{name}TeamPlayers", PublicTeamId=team_id).status_code == 404


class TestMember:
    def test_somebody_with_nothing_noted_has_answers_all_the_same(self, ask_of_fenna):
        names = ("function/MemberFunctions", "function/MemberCommittees", "remarks/MemberFreeFields", "MemberHeader")

        assert [ask_of_fenna(name) for name in names] == [
            {},
            {"Committee": []},
            {"FreeFields": {"Remarks3": {"Value": None}, "Remarks8": {"Value": ""}}},
            {"PublicPersonId": "QXZT41P", "HasFinancialTransferBlockOwnClub": False, "Photo": None},
        ]

    def test_what_is_noted_is_answered_as_it_is(self, ask_of_fenna, club):
        club.functions["QXZT41P"] = {"FunctionDescription": "Secretaris"}
        club.committees["QXZT41P"] = [{"CommitteeName": "Jeugdcommissie"}]
        club.free_fields["QXZT41P"] = {"Remarks8": {"Value": "15-09-2024"}}
        club.blocked.add("QXZT41P")

        assert ask_of_fenna("function/MemberFunctions") == {"Function": {"FunctionDescription": "Secretaris"}}
        assert ask_of_fenna("function/MemberCommittees") == {"Committee": [{"CommitteeName": "Jeugdcommissie"}]}
        assert ask_of_fenna("remarks/MemberFreeFields") == {
            "FreeFields": {"Remarks3": {"Value": None}, "Remarks8": {"Value": "15-09-2024"}}
        }
        assert ask_of_fenna("MemberHeader")["HasFinancialTransferBlockOwnClub"] is True

    def test_invoices_go_to_the_member_unless_it_is_noted_where_else(self, ask_of_fenna, club):
        names = [f"financial/MemberPaymentInvoice{part}" for part in ("Address", "Information")]
        own = [ask_of_fenna(name) for name in names]
        club.invoices["QXZT41P"] = {"Address": {"IsDefault": False}, "PaymentInvoiceInformation": {"EmailAddress": "f@x.example"}}

        assert own[0]["Address"] == {
            "StreetName": "Dorpsstraat",
            "AddressNumber": 12,
            "AddressNumberAppendix": None,
            "ZipCode": None,
            "City": "Testdorp",
            "CountryName": None,
            "IsDefault": True,
        }
        assert own[1]["PaymentInvoiceInformation"] == {
            "LastName": "Voorbeeld",
            "Infix": "van",
            "Initials": "F.",
            "EmailAddress": None,
            "ExternalInvoiceCode": None,
        }
        assert [ask_of_fenna(name) for name in names] == [
            {"Address": {"IsDefault": False}},
            {"PaymentInvoiceInformation": {"EmailAddress": "f@x.example"}},
        ]

    def test_the_union_has_functions_of_its_own(self, ask_of_fenna):
        [function] = ask_of_fenna("function/UnionMemberFunctions")["Function"]

        assert function["FunctionDescription"] == "Bondsfunctionaris"

    @pytest.mark.parametrize("knvb_id", ["NOBODY1", ""])
    def test_nothing_is_known_of_nobody(self, ask, knvb_id):
        assert ask("member/function/MemberFunctions", PublicPersonId=knvb_id).status_code == 404


def test_cases_come_as_a_bare_list(ask, club):
    club.cases.append({"DossierId": "T-00042"})

    assert ask("competition/DisciplineClubCasesPlayer").json() == [{"DossierId": "T-00042"}]


def test_nothing_is_answered_without_a_session(browser, club):
    answer = browser.get(f"{ENTITY}/team/UnionTeams")

    assert "/auth/realms/" in str(answer.url)


class TestPages:
    """What a page asks for, wanted or not, is written in it."""

    @pytest.fixture
    def asks(self, browser):
        browser.log_in()

        def read(path):
            page = LexborHTMLParser(browser.get(path).text)
            return [(node.attributes["data-asks"] or "").split() for node in page.css("[data-asks]")]

        return read

    @pytest.mark.parametrize("kind", ["union", "club"])
    def test_a_list_of_teams_asks_for_something_else_first(self, asks, kind):
        name = f"{ENTITY}/team/{kind.title()}Teams"

        assert asks(f"/teams/{kind}-teams") == [[f"{name}Players", name]]

    @pytest.mark.parametrize("kind", ["Union", "Club"])
    def test_a_team_asks_for_its_players_and_its_staff(self, asks, sandbox, kind):
        sandbox.club.teams[:] = [Team(is_union=kind == "Union", row=UNION, players=[], staff=[])]

        expected = [f"{ENTITY}/team/{kind}Team{part}?PublicTeamId=T0001" for part in ("Players", "NonPlayers")]
        assert asks("/teams/team-details/T0001/members") == [expected]

    @pytest.mark.usefixtures("club")
    @pytest.mark.parametrize(
        ("tab", "names"),
        [
            ("functions", ["function/UnionMemberFunctions", "function/MemberFunctions", "function/MemberCommittees"]),
            ("other", ["MemberHeader", "remarks/MemberFreeFields"]),
            ("financial", ["financial/MemberPaymentInvoiceAddress", "financial/MemberPaymentInvoiceInformation"]),
        ],
    )
    def test_a_tab_of_a_member_asks_for_what_it_shows(self, asks, tab, names):
        expected = [f"{ENTITY}/member/{name}?PublicPersonId=QXZT41P" for name in names]

        assert asks(f"/member/member-details/QXZT41P/{tab}") == [expected]

    def test_the_cases_of_persons_are_behind_a_tab(self, asks):
        cases, noted = f"{ENTITY}/competition/DisciplineClubCases", "/analytics/collect?event=DisciplineClubCases"

        assert asks("/competition-affairs/discipline-cases") == [
            [f"{cases}Team"],
            [noted, f"{cases}Team"],
            [noted, f"{cases}Player"],
        ]

    @pytest.mark.usefixtures("club")
    @pytest.mark.parametrize(
        "path",
        [
            "/teams/team-details/T9/members",
            "/member/member-details/NOBODY1/functions",
            "/member/member-details/QXZT41P/elders",
        ],
    )
    def test_what_is_not_there_is_not_found(self, browser, path):
        browser.log_in()

        assert browser.get(path).status_code == httpx.codes.NOT_FOUND
