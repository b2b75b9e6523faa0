"""What happens to the people of the demo clinics. Pure: the same seed and moment tell the same story."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random

from avatar_cms.demo import morning
from avatar_cms.demo.diary import Diary
from avatar_cms.demo.people import LEADS, MELBOURNE, PATIENTS, PEOPLE, SYDNEY
from avatar_cms.demo.timeline import DAYS_AHEAD, DAYS_BACK, Plan, Step

CHECK, MOLE, FOLLOW_UP, BODY, BOTOX = (
    "Skin cancer check", "Mole removal procedure", "Follow-up", "High-risk full body imaging", "Botox consult",
)  # fmt: skip
#: The visits that belong together, each so many days after the one before.
COURSES: tuple[tuple[tuple[str, int], ...], ...] = (
    ((CHECK, 0), (MOLE, 14), (FOLLOW_UP, 14)),
    ((CHECK, 0),),
    ((BODY, 0), (FOLLOW_UP, 14)),
    ((BOTOX, 0), (BOTOX, 28)),
)
ENDINGS = (
    ("attended", 70), ("no_show", 8), ("cancelled_by_wix", 5), ("cancelled_by_text", 4), ("cancelled_by_phone", 3),
    ("moved_by_text", 4), ("moved_by_phone", 4), ("open", 2),
)  # fmt: skip
ANSWERS = (("booked", 42), ("reminded", 30), ("", 28))
QUESTIONS = (
    "Is there parking nearby?", "How long does the visit take?", "Do I need to bring a referral?",
    "Can my husband come along?", "Are you open on Saturdays?",
)  # fmt: skip


def tell(*, seed: int, until: datetime, diaries: dict[str, Diary]) -> Plan:
    """The whole story up to `until`, its steps in order; the visits of the days after are booked by then."""
    plan = Plan(seed=seed, until=until, diaries=diaries)
    morning.tell(plan)
    _patients(plan)
    _leads(plan)
    _regulars(plan)
    _changes_of_mind(plan)
    _opt_outs(plan)
    _landlines(plan)
    _desks(plan)
    first = until - timedelta(days=DAYS_BACK)
    kept = [step for step in plan.steps if first <= step.at < until]
    plan.steps = [Step(s.at, n, s.action, s.who, s.given) for n, s in enumerate(sorted(kept))]
    return plan


def _patients(plan: Plan) -> None:
    for index, who in enumerate(PATIENTS):
        at = plan.diary(who).at(plan.day(who, -DAYS_BACK + 1), "10:10", minutes=7 * index)
        plan.add(at, "enters_patient", who)


def _leads(plan: Plan) -> None:
    for who, (days, source, intent, how) in LEADS.items():
        dice = plan.chance("lead", who)
        wall = f"{dice.randint(9, 16):02}:{dice.randint(0, 59):02}"
        at = plan.moment(who, plan.diary(who).at(plan.day(who, -days), wall))
        plan.add(at, f"lead_by_{how}", who, source=source, intent=intent)
        if dice.random() < 0.6:
            plan.says(who, at + timedelta(minutes=dice.randint(6, 180)), "I'd like to know more please")


def _regulars(plan: Plan) -> None:
    """Courses of visits, begun evenly over the weeks, so that no week is empty."""
    for clinic in (SYDNEY, MELBOURNE):
        everybody = [
            name for name, person in PEOPLE.items() if person.clinic == clinic and name not in morning.CAST
        ]
        # Every other one: enough for a picture, and a first start that does not keep a newcomer waiting.
        people = everybody[::2]
        for index, who in enumerate(people):
            share = (index + 0.5) / len(people)
            begins = -DAYS_BACK + 6 + round(share * (DAYS_BACK - 12))
            if who in LEADS:
                begins = -LEADS[who][0] + 5
            _course(plan, who, COURSES[index % len(COURSES)], begins)


def _course(plan: Plan, who: str, course: tuple[tuple[str, int], ...], begins: int) -> None:
    offset = begins
    by_desk = PEOPLE[who].landline or who in LEADS or who in PATIENTS
    for number, (service, gap) in enumerate(course):
        offset += gap
        dice = plan.chance("visit", who, number)
        if offset > DAYS_AHEAD - 2:
            return
        by = "desk" if number or by_desk else "wix"
        booked = _booked(plan, who, offset, dice)
        ending = _draw(dice, ENDINGS)
        answers = "" if PEOPLE[who].landline else _draw(dice, ANSWERS)
        day = max(plan.day(who, offset), booked.date() + timedelta(days=2))
        if plan.comes_about(who, day):
            continue
        slot = plan.visit(who, service, day=day, booked=booked, by=by, answers=answers, ending=ending)
        if dice.random() < 0.15 and not PEOPLE[who].landline:
            plan.says(who, slot.start - timedelta(hours=dice.randint(26, 45)), dice.choice(QUESTIONS))
        if ending not in ("attended", "moved_by_text", "moved_by_phone"):
            return


def _booked(plan: Plan, who: str, offset: int, dice: Random) -> datetime:
    """When the visit was booked: some days before it, in the daytime, and not before the person was known.

    Long ago always on a Friday.
    """
    known = -LEADS[who][0] + 1 if who in LEADS else -DAYS_BACK + 2
    day: date = plan.day(who, max(offset - dice.randint(3, 8), known))
    while plan.diary(who).long_ago(day) and day.weekday() != 4:
        day += timedelta(days=1)
    at = plan.diary(who).at(day, f"{dice.randint(8, 18):02}:{dice.randint(0, 59):02}")
    return min(at, plan.ago(hours=dice.randint(6, 60)))


def _draw(dice: Random, choices: tuple[tuple[str, int], ...]) -> str:
    return dice.choices([name for name, _ in choices], [weight for _, weight in choices])[0]


def _changes_of_mind(plan: Plan) -> None:
    """Whatever chance decides: one visit was cancelled by text, and one moved."""
    for who, service, days, ending in (
        ("Renata Quispe", BOTOX, 20, "cancelled_by_text"),
        ("Delphine Arnaud", CHECK, 34, "moved_by_text"),
    ):
        booked = _booked(plan, who, -days, plan.chance("changes", who))
        plan.visit(who, service, day=plan.day(who, -days), booked=booked, answers="booked", ending=ending)


def _opt_outs(plan: Plan) -> None:
    plan.says(
        "Kirra Dunmore", plan.diary("Kirra Dunmore").at(plan.day("Kirra Dunmore", -12), "18:42"), "STOP"
    )
    who = "Dragan Petrovski"
    plan.says(who, plan.diary(who).at(plan.day(who, -21), "19:05"), "Please stop texting me")
    plan.says(who, plan.diary(who).at(plan.day(who, -19), "10:31"), "START")


def _landlines(plan: Plan) -> None:
    """The phone company says of the first text to a landline that it cannot be delivered."""
    told: set[str] = set()
    for step in sorted(plan.steps):
        person = PEOPLE.get(step.who)
        if person is None or not person.landline or person.name in told:
            continue
        if step.action.startswith("books_"):
            told.add(person.name)
            plan.add(step.at + timedelta(minutes=12), "undeliverable", person.name)


def _desks(plan: Plan) -> None:
    """The desks work their queues; yesterday they fell behind, and today has only begun."""
    for clinic, diary in plan.diaries.items():
        for offset in range(-DAYS_BACK, 1):
            day = diary.today + timedelta(days=offset)
            yesterday = day == diary.workday(-1)
            for wall in diary.rounds(day):
                limit = 20 if diary.long_ago(day) else 12
                if yesterday:
                    limit = 3 if wall < "12:00" else 1
                plan.add(diary.at(day, wall), "desk_works", clinic, limit=1 if offset == 0 else limit)
