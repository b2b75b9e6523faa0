"""Who comes to the simulated clinics, and how they answer what they are sent. Pure: the same seed, the same people.

Chance is asked by name (`Dice.of`), never in turn, so that what one person does changes nothing about another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

FIRST = (
    "Ada", "Bruno", "Chiara", "Dev", "Elsie", "Farah", "Gus", "Hana", "Ivo", "Jun", "Kalani", "Lotte", "Mateo", "Nell",
    "Otis", "Petra", "Quinn", "Rosa", "Samir", "Thuy", "Uma", "Viggo", "Wren", "Xanthe", "Yara", "Zeb",
)  # fmt: skip
LAST = (
    "Abbott", "Barrow", "Castelli", "Drummond", "Eriksen", "Fenwick", "Galanis", "Hartigan", "Ibarra", "Jovanovic",
    "Kaur", "Lindgren", "Mahoney", "Nakamura", "Okonkwo", "Pereira", "Quigley", "Rossi", "Sandhu", "Tran", "Ueda",
    "Vella", "Whitford", "Yilmaz", "Zammit",
)  # fmt: skip
SERVICES = (
    ("Skin cancer check", 44), ("Mole removal procedure", 16), ("Follow-up", 12), ("High-risk full body imaging", 10),
    ("Botox consult", 18),
)  # fmt: skip
#: How a person comes: who books online or by phone, and who only asks.
BOOKS, CALLS, ASKS = "books", "calls", "asks"
WAYS = ((BOOKS, 50), (CALLS, 14), (ASKS, 36))
SOURCES = (
    ("meta_form", 22), ("google_ads", 18), ("organic_search", 18), ("referral", 12), ("manychat", 14), ("web_form", 16),
)  # fmt: skip
INTENTS = (
    ("routine_check", 40),
    ("procedure", 22),
    ("general_inquiry", 20),
    ("high_risk", 10),
    ("follow_up", 8),
)
EAGER, QUIET, MOVER, CANCELLER, STOPPER, ASKER = "eager", "quiet", "mover", "canceller", "stopper", "asker"
TEMPERS = ((EAGER, 50), (QUIET, 24), (MOVER, 8), (CANCELLER, 8), (STOPPER, 3), (ASKER, 7))

SAYS: dict[str, tuple[str, ...]] = {
    "yes": ("Yes", "YES", "Yep see you then", "yes please", "Confirmed, thank you", "Y"),
    "more": (
        "I'd like to know more please",
        "Hi, tell me more about it please",
        "Interested, please call me",
    ),
    "question": (
        "Is there parking nearby?",
        "Do I need to bring a referral?",
        "How long does the visit take?",
    ),
    "move": (
        "Can we move it to next week?",
        "Can I come another day instead please",
        "need to reschedule sorry",
    ),
    "cancel": (
        "Please cancel my appointment",
        "Sorry I can't make it",
        "I need to cancel, something came up",
    ),
    "stop": ("STOP", "Please stop texting me", "Unsubscribe"),
    "thanks": ("Thanks!", "Thank you"),
}


class Reaction(NamedTuple):
    """What somebody does so much later: says a thing, books, or changes a visit online."""

    after: timedelta
    act: str
    about: str = ""


@dataclass(frozen=True)
class Newcomer:
    """Somebody who turns up. `number` tells them apart for ever; `phone` may be one that another owns."""

    number: int
    at: datetime
    clinic: str
    name: str
    phone: str
    way: str
    source: str
    intent: str
    service: str
    temper: str
    landline: bool

    @property
    def email(self) -> str:
        return f"{self.name.lower().replace(' ', '.')}.{self.number}@example.com"


@dataclass(frozen=True)
class Dice:
    """Chance that depends on the seed and on what it is asked about, and on nothing else."""

    seed: int

    def of(self, *about: object) -> Random:
        return Random(":".join(map(str, (self.seed, *about))))


def newcomers(
    dice: Dice, *, start: date, days: int, a_day: float, clinics: dict[str, ZoneInfo]
) -> Iterator[Newcomer]:
    """Everybody who turns up from `start` on, day by day; one in twenty on a phone that an earlier one owns."""
    number = 0
    for offset in range(days):
        day = start + timedelta(days=offset)
        chance = dice.of("day", offset)
        for _ in range(int(a_day + chance.random())):
            number += 1
            yield _newcomer(dice, number, day, clinics)


def _newcomer(dice: Dice, number: int, day: date, clinics: dict[str, ZoneInfo]) -> Newcomer:
    chance = dice.of("newcomer", number)
    clinic = list(clinics)[0 if len(clinics) == 1 or chance.random() < 0.65 else 1]
    hour, minute = chance.choices(range(24), _HOURS)[0], chance.randrange(60)
    at = datetime(day.year, day.month, day.day, hour, minute, tzinfo=clinics[clinic])
    shares = number > 10 and chance.random() < 0.05
    landline = not shares and chance.random() < 0.03
    owner = number - chance.randint(1, 9) if shares else number
    return Newcomer(
        number=number, at=at, clinic=clinic, name=f"{chance.choice(FIRST)} {LAST[number % len(LAST)]}",
        phone=f"+6127010{number:04}" if landline else f"+614000{owner:05}", way=draw(chance, WAYS),
        source=draw(chance, SOURCES), intent=draw(chance, INTENTS), service=draw(chance, SERVICES),
        temper=draw(chance, TEMPERS), landline=landline,
    )  # fmt: skip


#: How likely each hour of the day is to bring somebody.
_HOURS = (1, 0, 0, 0, 0, 1, 2, 4, 7, 9, 10, 9, 9, 8, 8, 7, 7, 7, 7, 8, 8, 6, 4, 2)


def draw(chance: Random, choices: tuple[tuple[str, int], ...]) -> str:
    """One of the names, as likely as its weight."""
    return chance.choices([name for name, _ in choices], [weight for _, weight in choices])[0]


def reaction(dice: Dice, person: Newcomer, template: str, number: int, *, confirmed: bool) -> Reaction | None:
    """What somebody does about a text of this template, the `number`-th they got; None for nothing."""
    chance = dice.of("reacts", person.number, template, number)
    wanted = _REACTIONS.get(template, {}).get(person.temper) or _REACTIONS.get(template, {}).get("*")
    if wanted is None or person.landline:
        return None
    share, shortest, longest, act, about = wanted
    if chance.random() >= share or (about == "yes" and confirmed):
        return None
    after = timedelta(minutes=chance.randint(shortest, longest))
    return Reaction(after, act, chance.choice(SAYS[about]) if about in SAYS else about)


#: template -> temper (or * for the others) -> share, soonest and latest minute, what they do, about what
_REACTIONS: dict[str, dict[str, tuple[float, int, int, str, str]]] = {
    "welcome_lead": {
        EAGER: (0.75, 4, 200, "says", "more"), ASKER: (0.9, 3, 90, "says", "question"),
        STOPPER: (0.7, 2, 40, "says", "stop"), QUIET: (0.2, 600, 4000, "books", ""),
        "*": (0.4, 30, 1500, "books", ""),
    },
    "follow_up_no_response": {STOPPER: (0.5, 5, 60, "says", "stop"), "*": (0.3, 20, 900, "books", "")},
    "booking_confirmation": {
        EAGER: (0.55, 2, 50, "says", "yes"), ASKER: (0.7, 5, 200, "says", "question"),
        MOVER: (0.4, 30, 2000, "says", "move"), CANCELLER: (0.3, 60, 2500, "says", "cancel"),
    },
    "booking_rescheduled": {EAGER: (0.5, 2, 50, "says", "yes")},
    "reminder_48hr": {
        EAGER: (0.6, 3, 300, "says", "yes"), MOVER: (0.6, 10, 700, "moves", ""), QUIET: (0.2, 30, 900, "says", "yes"),
        CANCELLER: (0.6, 10, 900, "cancels", ""), ASKER: (0.3, 10, 400, "says", "question"),
        STOPPER: (0.6, 5, 100, "says", "stop"),
    },
    "reminder_24hr": {"*": (0.6, 3, 300, "says", "yes"), CANCELLER: (0.4, 10, 600, "says", "cancel")},
    "confirm_reply": {"*": (0.15, 1, 10, "says", "thanks")},
    "cancellation_rescue": {"*": (0.35, 60, 3000, "books", "")},
    "no_show_followup": {"*": (0.35, 30, 2500, "books", "")},
    "recall_reminder": {STOPPER: (0.6, 5, 300, "says", "stop"), "*": (0.5, 30, 4000, "books", "")},
}  # fmt: skip
