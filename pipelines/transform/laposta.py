"""Sportlink members -> subscribers of the four Laposta lists.

A list holds an address once, and families share addresses: the k-th subscriber of an address goes to list k.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipelines.state import Subscriber
from pipelines.transform.sportlink import MemberRecord, ParentSlot, distinct

LIST_COUNT = 4

FIELDS: Mapping[str, str] = {
    "voornaam": "FirstName",
    "tussenvoegsel": "Infix",
    "achternaam": "LastName",
    "geboortedatum": "DateOfBirth",
    "team": "UnionTeams",
    "geslacht": "GenderCode",
    "leeftijdscategorie": "AgeClassDescription",
    "relatiecode": "PublicPersonId",
    "datumpasfoto": "PersonImageDate",
    "lidsinds": "MemberSince",
    "mobielnummer": "Mobile",
    "mobielnummer2": "MobileAlternative",
    "telefoonnummer": "Telephone",
    "telefoonnummer2": "TelephoneAlternative",
    "straatnaam": "StreetName",
    "huisnummer": "AddressNumber",
    "huisnummertoevoeging": "AddressNumberAppendix",
    "postcode": "ZipCode",
    "plaats": "City",
    "naamouder1": "NameParent1",
    "naamouder2": "NameParent2",
    "telefoonouder1": "TelephoneParent1",
    "telefoonouder2": "TelephoneParent2",
}
"""Laposta field -> Sportlink field; `huidigvrijwilliger` and `oudervan` come from elsewhere."""

GENDERS: Mapping[str, str] = {"Male": "M", "Female": "V"}
ABOUT_PARENTS = ("naamouder1", "naamouder2", "telefoonouder1", "telefoonouder2")
NOT_OF_A_PARENT = ("datumpasfoto", "geslacht", "geboortedatum", "lidsinds", "mobielnummer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """What the lists shall hold; `excluded` counts the subscribers whose address occupies all of them already."""

    lists: tuple[tuple[Subscriber, ...], ...]
    excluded: int


def build_lists(members: Sequence[MemberRecord], volunteers: Collection[str]) -> Lists:
    """Spread the addresses of all members and parents over the lists.

    Args:
        members: In the order of the download, which decides who comes first where an address is shared.
        volunteers: KNVB ids of the members that are volunteers at present.
    """
    lists: tuple[list[Subscriber], ...] = tuple([] for _ in range(LIST_COUNT))
    occurrences: Counter[str] = Counter()
    for subscriber in _subscribers(members, volunteers):
        occurrences[subscriber.email] += 1
        if occurrences[subscriber.email] <= LIST_COUNT:
            lists[occurrences[subscriber.email] - 1].append(subscriber)
    return Lists(lists=tuple(map(tuple, lists)), excluded=occurrences.total() - sum(map(len, lists)))


class _AddressBook:
    """Whose an address is: read once over all members, because later members decide about earlier ones."""

    def __init__(self, members: Sequence[MemberRecord]) -> None:
        self.primaries = {member.email for member in members}
        self.owners: dict[str, MemberRecord] = {}
        self.children: defaultdict[str, list[MemberRecord]] = defaultdict(list)
        for member in members:
            self.owners.setdefault(member.email, member)
            for email in distinct([parent.email for parent in member.parents()]):
                self.children[email].append(member)
        for member in members:
            self.owners.setdefault(member.alternative_email, member)


def _subscribers(members: Sequence[MemberRecord], volunteers: Collection[str]) -> Iterator[Subscriber]:
    book = _AddressBook(members)
    entered: set[str] = set()
    for member in members:
        fields = _member_fields(member, is_volunteer=member.knvb_id in volunteers)
        own = distinct([member.email, member.alternative_email])
        for email in own:
            # Members compare by identity here: twins without an id of their own may look alike.
            children = [child for child in book.children[email] if child is not member]
            yield Subscriber(email=email, custom_fields={**fields, **_family_fields(children, of=member)})
        for parent in member.parents():
            if parent.email not in book.primaries and parent.email not in entered and parent.email not in own:
                entered.add(parent.email)
                yield Subscriber(email=parent.email, custom_fields=_parent_fields(fields, parent, member, book))


def _member_fields(member: MemberRecord, *, is_volunteer: bool) -> dict[str, str]:
    fields = {name: member[source] for name, source in FIELDS.items()}
    fields["geslacht"] = GENDERS.get(fields["geslacht"], fields["geslacht"])
    fields["huidigvrijwilliger"] = "1" if is_volunteer else "0"
    return {name: value for name, value in fields.items() if value}


def _parent_fields(
    child_fields: Mapping[str, str], parent: ParentSlot, child: MemberRecord, book: _AddressBook
) -> dict[str, str]:
    fields = {name: value for name, value in child_fields.items() if name not in ABOUT_PARENTS}
    owner = book.owners.get(parent.email)
    if owner is None:
        fields |= dict.fromkeys(NOT_OF_A_PARENT, "") | {"telefoonnummer": parent.phone}
    return {
        **fields,
        **_name_fields(parent, child, owner),
        "huidigvrijwilliger": "0",
        **_family_fields(book.children[parent.email]),
    }


def _name_fields(parent: ParentSlot, child: MemberRecord, owner: MemberRecord | None) -> dict[str, str]:
    if owner is not None:
        names = (owner["FirstName"], owner["Infix"], owner["LastName"])
    elif parent.name:
        names = (parent.name, "", "")
    else:
        names = (f"Ouder/verzorger van {child['FirstName']}", child["Infix"], child["LastName"])
    return dict(zip(("voornaam", "tussenvoegsel", "achternaam"), names, strict=True))


def _family_fields(children: Sequence[MemberRecord], *, of: MemberRecord | None = None) -> dict[str, str]:
    """The fields that speak of all children of an address at once, its own member among them; none without children."""
    if not children:
        return {}
    family = [*children] if of is None else [of, *children]
    return {
        "oudervan": ", ".join(distinct([child.name for child in children])),
        "team": _union(family, "UnionTeams"),
        "leeftijdscategorie": _union(family, "AgeClassDescription"),
    }


def _union(members: Sequence[MemberRecord], field: str) -> str:
    return ", ".join(distinct([part.strip() for member in members for part in member[field].split(",")]))
