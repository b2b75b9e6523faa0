"""Invented people with numbers that belong to nobody.

Mobiles are all thirty numbers that Australia's regulator (ACMA) keeps free for works of fiction; landlines lie in its
ranges for the same use, (02) and (03) 5550 xxxx and 7010 xxxx. E-mails are at example.com, which nobody owns.
The best-known mobiles stand in Melbourne, so that whoever tries one on the Sydney clinic meets a new person.
"""

from __future__ import annotations

from dataclasses import dataclass

SYDNEY, MELBOURNE = "sydney", "melbourne"


@dataclass(frozen=True)
class Person:
    """Somebody of one clinic. `phone` in E.164 is their own; `home` is who owns the phone they share."""

    name: str
    clinic: str
    phone: str = ""
    home: str = ""

    @property
    def email(self) -> str:
        return f"{self.name.lower().replace(' ', '.')}@example.com"

    @property
    def landline(self) -> bool:
        """Texts do not reach it."""
        return bool(self.phone) and not self.phone.startswith("+614")


def _mobiles(clinic: str, people: dict[str, str]) -> list[Person]:
    return [Person(name, clinic, "+61" + number.replace(" ", "")) for number, name in people.items()]


_SYDNEY = _mobiles(SYDNEY, {
    "491 571 266": "Nadia Haddad", "491 571 491": "Grace Whitlock", "491 571 804": "Tomasz Zielinski",
    "491 572 549": "Priscilla Tan", "491 572 665": "Hamish Ferrier", "491 572 983": "Leilani Faleolo",
    "491 573 770": "Marcus Ollerton", "491 573 087": "Yuki Shimada", "491 574 118": "Delphine Arnaud",
    "491 574 632": "Oscar Bellweather", "491 575 254": "Renata Quispe", "491 575 789": "Callum Strathairn",
    "491 576 398": "Ifeoma Adeyemi", "491 576 801": "Bronwyn Tregenza", "491 577 426": "Vikram Sahay",
    "491 577 644": "Saskia Vandermeer", "491 578 957": "Theo Papadakis", "491 578 148": "Marguerite Oakes",
    "491 578 888": "Kirra Dunmore", "491 579 212": "Joaquin Meireles", "491 579 760": "Freya Lindqvist",
    "491 579 455": "",
})  # fmt: skip
_SYDNEY_LANDLINES = [
    Person(name, SYDNEY, phone)
    for phone, name in (
        ("+61255501204", "Edith Harcourt"), ("+61255502387", "Wendell Prewitt"), ("+61270101180", "Lorna McCleary"),
        ("+61270103365", "Stanley Abernathy"),
    )
]  # fmt: skip
_SYDNEY_MEMBERS = [
    Person(name, SYDNEY, home=home)
    for name, home in (
        ("Omar Haddad", "Nadia Haddad"), ("Layla Haddad", "Nadia Haddad"), ("Beau Whitlock", "Grace Whitlock"),
        ("Mele Faleolo", "Leilani Faleolo"), ("Kenji Shimada", "Yuki Shimada"), ("Anjali Sahay", "Vikram Sahay"),
        ("Henry Prewitt", "Wendell Prewitt"),
    )
]  # fmt: skip
_MELBOURNE = _mobiles(MELBOURNE, {
    "491 570 006": "Imogen Carraway", "491 570 156": "Dragan Petrovski", "491 570 157": "Mai Phuong Doan",
    "491 570 158": "Alasdair Kinross", "491 570 159": "Noor Rahimi", "491 570 110": "Beatrix Holloway",
    "491 570 313": "Salvatore Conti", "491 570 737": "Tamsin Wilcox",
})  # fmt: skip
_MELBOURNE_OTHERS = [
    Person("Gwendolyn Marsh", MELBOURNE, "+61355501419"),
    Person("Percival Stubbs", MELBOURNE, "+61370102256"),
    Person("Elowen Carraway", MELBOURNE, home="Imogen Carraway"),
    Person("Binh Doan", MELBOURNE, home="Mai Phuong Doan"),
]
#: Texts the clinic without having been heard of before; staff ask for the name.
STRANGER = _SYDNEY[-1]

PEOPLE: dict[str, Person] = {
    person.name: person
    for person in (*_SYDNEY[:-1], *_SYDNEY_LANDLINES, *_SYDNEY_MEMBERS, *_MELBOURNE, *_MELBOURNE_OTHERS)
}
#: Who began as a lead, days ago: source, intent, and whether by hand or through the website's form.
LEADS: dict[str, tuple[int, str, str, str]] = {
    "Priscilla Tan": (52, "google_ads", "routine_check", "form"),
    "Marcus Ollerton": (45, "referral", "procedure", "hand"),
    "Kirra Dunmore": (38, "meta_form", "general_inquiry", "form"),
    "Theo Papadakis": (33, "organic_search", "high_risk", "form"),
    "Marguerite Oakes": (24, "word_of_mouth", "routine_check", "hand"),
    "Oscar Bellweather": (18, "phone", "procedure", "hand"),
    "Salvatore Conti": (40, "organic_search", "procedure", "form"),
    "Tamsin Wilcox": (9, "meta_form", "general_inquiry", "form"),
}
#: Whom the clinic knew before: entered by hand as patients.
PATIENTS = ("Edith Harcourt", "Stanley Abernathy", "Lorna McCleary", "Bronwyn Tregenza", "Percival Stubbs")
