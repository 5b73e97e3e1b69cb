"""Makes up the members of a club: households that share an address, parents and mail, then the oddities of real data.

The day on which the club is made up is always the same, so that the same seed gives the same club for ever.
"""

import random
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import takewhile
from typing import Any

from faker import Faker

from pipelines.sandbox.oddities import scatter_oddities

JsonObject = dict[str, Any]

TODAY = date(2026, 2, 7)
ADULT_AGE = 18
OWN_MAIL_AGE = 13
OWN_PHONE_AGE = 10
LAST_PLAYING_AGE = 45

_MAIL_DOMAINS = ("voorbeeldmail.example", "postbus.example", "thuis.example", "kpost.example")
_TOWNS = (("Testdorp", "1234"), ("Testdorp", "1235"), ("Nieuw-Testum", "1238"), ("Oud-Voorbeeld", "1242"))
_BIG_HOUSEHOLD, _BIG_HOUSEHOLD_EVERY = 2, 150  # the second one, so that small clubs have it too
_FIELDS: JsonObject = {
    "PublicPersonId": None,
    "FirstName": "",
    "Infix": "",
    "LastName": "",
    "NickName": None,
    "Initials": "",
    "FullName": "",
    "GenderCode": None,
    "DateOfBirth": None,
    "Age": None,
    "AgeClassDescription": "",
    "PlaceOfBirth": None,
    "DateOfPassing": None,
    "Email": "",
    "EmailAlternative": "",
    "Mobile": "",
    "MobileAlternative": None,
    "Telephone": "",
    "TelephoneAlternative": None,
    "StreetName": "",
    "AddressNumber": None,
    "AddressNumberAppendix": None,
    "ZipCode": "",
    "City": "",
    "CountryCode": "NL",
    "CountryName": "Nederland",
    "NameParent1": "",
    "NameParent2": "",
    "EmailAddressParent1": "",
    "EmailAddressParent2": "",
    "TelephoneParent1": "",
    "TelephoneParent2": "",
    "ContactThroughParents": False,
    "MemberSince": None,
    "RelationStart": None,
    "RelationEnd": None,
    "MemberStatus": "ACTIVE",
    "MemberStatusDescription": "Definitief",
    "TypeOfMember": "KNVB",
    "TypeOfMemberDescription": "Bondslid",
    "KernelGameActivities": "",
    "ClubGameActivities": "",
    "UnionTeams": "",
    "ClubTeams": "",
    "PersonImageDate": None,
    "LastUpdate": None,
    "PrivacyLevelDescription": "Normaal",
    "NationalityDescription": "Nederlandse",
    "Remarks": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    """A person in a household, member or not."""

    first_name: str
    infix: str
    last_name: str
    gender: str
    birth: date
    email: str
    mobile: str

    @property
    def age(self) -> int:
        return TODAY.year - self.birth.year - ((TODAY.month, TODAY.day) < (self.birth.month, self.birth.day))

    @property
    def written(self) -> str:
        """The name as a form holds it: initial and last name."""
        return " ".join(part for part in (f"{self.first_name[:1]}.", self.infix, self.last_name) if part)


def make_members(count: int, *, seed: int) -> list[JsonObject]:
    """The records of `count` members."""
    registry = _Registry(seed)
    members: list[JsonObject] = []
    while len(members) < count:
        members += registry.make_household()
    members = members[:count]
    scatter_oddities(members)
    return members


def make_household(*, seed: float, taken: set[str]) -> list[JsonObject]:
    """The records of one more household; nothing in `taken` is handed out again."""
    return _Registry(seed, taken).make_household()


def pick_volunteers(members: Sequence[JsonObject], *, seed: int) -> set[str]:
    """The KNVB IDs of every eighth adult, about."""
    rng = random.Random(f"volunteers {seed}")  # noqa: S311  nothing secret
    adults = (member for member in members if (member["Age"] or 0) >= ADULT_AGE)
    return {knvb_id for adult in adults if rng.random() < 1 / 8 and (knvb_id := adult.get("PublicPersonId"))}


class _Registry:
    """The town hall: hands out names, addresses and numbers, none of them twice."""

    def __init__(self, seed: float, taken: Iterable[str] = ()) -> None:
        self._rng = random.Random(seed)  # noqa: S311  nothing secret
        self._faker = Faker("nl_NL")
        self._faker.seed_instance(seed)
        self._taken = set(taken)
        self._households = 0
        self._kinds = ((self._youth_family, self._couple, self._single), (45, 15, 40))

    def make_household(self) -> list[JsonObject]:
        """The records of those in one house who are members."""
        self._households += 1
        address = self._address()
        is_big = self._households % _BIG_HOUSEHOLD_EVERY == _BIG_HOUSEHOLD
        make = self._big_household if is_big else self._rng.choices(*self._kinds)[0]
        return [{**record, **address} for record in make()]

    def _single(self) -> list[JsonObject]:
        person = self._person(self._age_between(18, 78))
        return [self._member(person)]

    def _couple(self) -> list[JsonObject]:
        """Two adults; some of them read the same mail."""
        first = self._person(self._age_between(20, 70))
        shared = first.email if self._happens(0.3) else None
        return [self._member(first), self._member(self._person(self._age_between(20, 70), email=shared))]

    def _youth_family(self) -> list[JsonObject]:
        """One to three children with their parents, who may be members too."""
        parents = self._parents()
        surname = (parents[0].infix, parents[0].last_name)
        children = [self._child(parents, surname) for _ in range(self._rng.choice((1, 1, 1, 2, 2, 3)))]
        records = [self._member(child, parents) for child in children]
        return records + [self._member(parent) for parent in parents if self._happens(0.18)]

    def _big_household(self) -> list[JsonObject]:
        """Six members behind one mail address: two more than there are mailing lists."""
        parents = self._parents(count=2)
        surname = (parents[0].infix, parents[0].last_name)
        shared = parents[0].email
        children = [self._person(self._age_between(6, 17), surname=surname, email=shared) for _ in range(4)]
        adults = [parents[0], self._person(self._age_between(35, 55), email=shared)]
        return [self._member(adult) for adult in adults] + [self._member(child, parents) for child in children]

    def _parents(self, count: int | None = None) -> list[_Person]:
        count = count or self._rng.choice((1, 2, 2, 2))
        return [self._person(self._age_between(28, 55)) for _ in range(count)]

    def _child(self, parents: Sequence[_Person], surname: tuple[str, str]) -> _Person:
        """A child; the young read their parent's mail or none."""
        birth = self._age_between(5, 17)
        own = TODAY.year - birth.year >= OWN_MAIL_AGE and self._happens(0.6)
        email = None if own else self._rng.choice((parents[0].email, parents[0].email, ""))
        return self._person(birth, surname=surname, email=email)

    def _person(self, birth: date, *, surname: tuple[str, str] | None = None, email: str | None = None) -> _Person:
        gender = self._rng.choice(("Male", "Male", "Female"))
        first_name = self._faker.first_name_male() if gender == "Male" else self._faker.first_name_female()
        infix, last_name = surname or _split_surname(self._faker.last_name())
        return _Person(
            first_name=first_name,
            infix=infix,
            last_name=last_name,
            gender=gender,
            birth=birth,
            email=self._email(first_name, last_name) if email is None else email,
            mobile=self._mobile(),
        )

    def _member(self, person: _Person, parents: Sequence[_Person] = ()) -> JsonObject:
        return {**_FIELDS, **self._identity(person), **self._contact(person), **self._membership(person), **_parents(parents)}

    def _identity(self, person: _Person) -> JsonObject:
        return {
            "PublicPersonId": self._knvb_id(),
            "FirstName": person.first_name,
            "Infix": person.infix.title() if self._happens(0.3) else person.infix,  # both are in use
            "LastName": person.last_name,
            "Initials": f"{person.first_name[:1]}.",
            "FullName": " ".join(part for part in (person.first_name, person.infix, person.last_name) if part),
            "GenderCode": person.gender,
            "DateOfBirth": person.birth.isoformat(),
            "Age": person.age,
            "PlaceOfBirth": self._rng.choice(_TOWNS)[0],
        }

    def _contact(self, person: _Person) -> JsonObject:
        return {
            "Email": person.email,
            "EmailAlternative": self._email(person.first_name, "werk") if self._happens(0.06) else "",
            "Mobile": person.mobile if person.age >= OWN_PHONE_AGE else "",
            "Telephone": f"0999-{self._rng.randrange(10**6):06}" if self._happens(0.25) else "",
        }

    def _membership(self, person: _Person) -> JsonObject:
        since = max(person.birth + timedelta(days=5 * 365), TODAY - timedelta(days=self._rng.randrange(30, 9000)))
        since = min(since, TODAY)
        photographed = self._happens(0.65)
        plays = person.age < LAST_PLAYING_AGE and self._happens(0.85)
        return {
            "AgeClassDescription": _age_class(person),
            "MemberSince": since.isoformat(),
            "RelationStart": since.isoformat(),
            "UnionTeams": self._team(person) if plays else "",
            "ClubTeams": str(self._rng.randrange(1, 6)) if person.age >= ADULT_AGE and self._happens(0.1) else "",
            "KernelGameActivities": "Veld - Algemeen" if plays else "",
            "TypeOfMemberDescription": "Bondslid" if plays else "Verenigingslid",
            "PersonImageDate": self._recent_day(1200) if photographed else None,
            "LastUpdate": self._recent_day(400),
        }

    def _team(self, person: _Person) -> str:
        girls = person.gender == "Female"
        if person.age < ADULT_AGE:
            own = f"{'MO' if girls else 'JO'}{_class_number(person)}-{self._rng.randrange(1, 4)}"
            return f"{own}, JO{_class_number(person) + 1}-1" if self._happens(0.08) else own  # plays up now and then
        return f"VR{self._rng.randrange(1, 3)}" if girls else self._rng.choice(("1", "2", "3", "4", "5", "35+1"))

    def _address(self) -> JsonObject:
        town, digits = self._rng.choice(_TOWNS)
        number = self._rng.randrange(1, 200)
        return {
            "StreetName": self._faker.street_name(),
            "AddressNumber": number if self._happens(0.5) else str(number),  # both occur
            "AddressNumberAppendix": self._rng.choice((None, None, None, "", "a", "B", "-2", "bis")),
            "ZipCode": f"{digits} {self._letters(2)}",
            "City": town,
        }

    def _email(self, first_name: str, last_name: str) -> str:
        domain = self._rng.choice(_MAIL_DOMAINS)
        local = f"{_ascii(first_name)}.{_ascii(last_name)}"
        return next(self._untaken(f"{local}{number or ''}@{domain}" for number in range(10**6)))

    def _knvb_id(self) -> str:
        return next(self._untaken(f"{self._letters(4)}{self._rng.randrange(10, 100)}{self._letters(1)}" for _ in range(10**6)))

    def _mobile(self) -> str:
        """A number that nobody can have: no mobile number begins with 06-00."""
        return f"06-00{self._rng.randrange(10**6):06}"

    def _happens(self, share: float) -> bool:
        return self._rng.random() < share

    def _letters(self, count: int) -> str:
        return "".join(self._rng.choices("BCDFGHJKLMNPQRSTVWXZ", k=count))

    def _untaken(self, candidates: Iterator[str]) -> Iterator[str]:
        for candidate in candidates:
            if candidate not in self._taken:
                self._taken.add(candidate)
                yield candidate

    def _age_between(self, youngest: int, oldest: int) -> date:
        """A day of birth."""
        return TODAY - timedelta(days=self._rng.randrange(youngest * 365 + 100, oldest * 365 + 250))

    def _recent_day(self, days: int) -> str:
        return (TODAY - timedelta(days=self._rng.randrange(days))).isoformat()


def _parents(parents: Sequence[_Person]) -> JsonObject:
    """What a child's record says about its parents."""
    record: JsonObject = {"ContactThroughParents": bool(parents)}
    for slot, parent in enumerate(parents, start=1):
        record[f"NameParent{slot}"] = parent.written
        record[f"EmailAddressParent{slot}"] = parent.email
        record[f"TelephoneParent{slot}"] = parent.mobile
    return record


def _age_class(person: _Person) -> str:
    if person.age >= ADULT_AGE:
        return "Senioren"
    return f"Onder {_class_number(person)}"


def _class_number(person: _Person) -> int:
    """The age that players of a class have not reached; the youngest class is under 7."""
    return max(7, person.age + 1)


def _split_surname(surname: str) -> tuple[str, str]:
    """Infix and last name: "van de Eerenbeemt" is "van de" and "Eerenbeemt"."""
    words = surname.split()
    small = list(takewhile(str.islower, words[:-1]))
    return " ".join(small), " ".join(words[len(small) :])


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "", plain)
