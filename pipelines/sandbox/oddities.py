"""The oddities of a real member list: missing, wrong and unusual fields, sprinkled over a club at fixed places."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

JsonObject = dict[str, Any]

OFFICE_ADDRESS = "ledenadministratie@voorbeeldclub.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """Changes the member at position `first` and every `every` positions after it."""

    first: int
    every: int
    change: Callable[[JsonObject, int], None]


def scatter_oddities(members: Sequence[JsonObject]) -> None:
    """Apply every oddity; the count that a change gets tells its times apart."""
    for oddity in ODDITIES:
        for count, member in enumerate(members[oddity.first :: oddity.every]):
            oddity.change(member, count)


def _put(**fields: Any) -> Callable[[JsonObject, int], None]:
    return lambda member, _count: member.update(fields)


def _put_one_of(field: str, *values: Any) -> Callable[[JsonObject, int], None]:
    return lambda member, count: member.update({field: values[count % len(values)]})


def _drop(*fields: str) -> Callable[[JsonObject, int], None]:
    def change(member: JsonObject, _count: int) -> None:
        for field in fields:
            del member[field]

    return change


def _untidy_email(member: JsonObject, _count: int) -> None:
    member["Email"] = f" {member['Email'].upper()} " if member["Email"] else ""


def _both_parents_one_address(member: JsonObject, _count: int) -> None:
    member["EmailAddressParent2"] = member["EmailAddressParent1"]


def _parents_without_names(member: JsonObject, _count: int) -> None:
    member.update(NameParent1="", NameParent2=None)


def _parents_without_addresses(member: JsonObject, _count: int) -> None:
    member.update(EmailAddressParent1="", EmailAddressParent2=None)


def _parents_mail_as_alternative(member: JsonObject, _count: int) -> None:
    member["EmailAlternative"] = member["EmailAddressParent1"]


def _own_parent(member: JsonObject, _count: int) -> None:
    """The member's own address in the slot of a parent: a parent must not be merged into its child."""
    member.update(EmailAddressParent1=member["Email"], NameParent1=member["FullName"] if member["Email"] else "")


def _unusual_knvb_id(member: JsonObject, count: int) -> None:
    member["PublicPersonId"] = f"X{count:03}" if count % 2 else f"LANGE{count:05}"


def _foreign_mobile(member: JsonObject, count: int) -> None:
    digits = f"00{count:06}"
    member["Mobile"] = ("+31 6 {}", "0031 6{}", "06 {}\u200b", "06.{}")[count % 4].format(digits)


ODDITIES = (
    Oddity(
        first=7,
        every=211,
        change=_put_one_of("Email", "sam@@thuis.example", "sam.vos@", "sam vos@thuis.example", "sam@thuis", "sam@thuis,example"),
    ),
    Oddity(first=13, every=307, change=_put_one_of("Email", "onbekend", "-", "geen e-mail", None)),
    Oddity(first=5, every=151, change=_put(Email=OFFICE_ADDRESS)),
    Oddity(first=17, every=120, change=_untidy_email),
    Oddity(first=9, every=267, change=_put_one_of("PublicPersonId", None, "")),
    Oddity(first=27, every=191, change=_unusual_knvb_id),
    Oddity(first=19, every=401, change=_put_one_of("FirstName", "", None)),
    Oddity(first=21, every=353, change=_drop("Infix", "EmailAlternative", "PersonImageDate")),
    Oddity(first=15, every=89, change=_both_parents_one_address),
    Oddity(first=23, every=113, change=_parents_without_names),
    Oddity(first=29, every=127, change=_parents_without_addresses),
    Oddity(first=31, every=97, change=_parents_mail_as_alternative),
    Oddity(first=37, every=181, change=_own_parent),
    Oddity(first=11, every=83, change=_foreign_mobile),
    Oddity(first=41, every=233, change=_put_one_of("GenderCode", None, "Unknown", "")),
    Oddity(first=43, every=389, change=_put_one_of("DateOfBirth", None, "1956-00-00", "")),
    Oddity(first=47, every=271, change=_put(StreetName="", AddressNumber=None, AddressNumberAppendix=None, ZipCode="", City="")),
    Oddity(
        first=53,
        every=337,
        change=_put(StreetName="Proefweg", ZipCode="9999", City="Voorbeeldegem", CountryCode="BE", CountryName="België"),
    ),
    Oddity(first=59, every=223, change=_put_one_of("LastName", "Öztürk-Ĉapelle", "d'Ancona", "Jansen - de Wit", "Ng")),
    Oddity(first=61, every=241, change=_put_one_of("Infix", "'t", "V.D.", "in 't", "von und zu")),
    Oddity(first=67, every=419, change=_put(RelationEnd="2026-06-30", MemberStatusDescription="Opgezegd")),
    Oddity(first=71, every=977, change=_put(DateOfPassing="2026-01-11")),
    Oddity(first=73, every=431, change=_put(TypeOfMember="DON", TypeOfMemberDescription="Donateur", UnionTeams="")),
)
