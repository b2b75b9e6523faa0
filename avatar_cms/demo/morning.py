"""The people whom the desk meets on the day the demo starts: one of everything that a real morning brings."""

from __future__ import annotations

from datetime import timedelta

from avatar_cms.demo.diary import MINUTES, Slot
from avatar_cms.demo.people import LEADS, PEOPLE, SYDNEY
from avatar_cms.demo.timeline import Plan

CHECK, MOLE, FOLLOW_UP, BODY, BOTOX = (
    "Skin cancer check", "Mole removal procedure", "Follow-up", "High-risk full body imaging", "Botox consult",
)  # fmt: skip
#: Those whose story is told here alone.
CAST = frozenset({
    "Vikram Sahay", "Ifeoma Adeyemi", "Hamish Ferrier", "Saskia Vandermeer", "Delphine Arnaud", "Renata Quispe",
    "Callum Strathairn", "Nadia Haddad", "Omar Haddad", "Layla Haddad", "Freya Lindqvist", "Joaquin Meireles",
    "Grace Whitlock", "Noor Rahimi", "Alasdair Kinross",
})  # fmt: skip


def tell(plan: Plan) -> None:
    """Yesterday's and this morning's stories, and the visits of today and the days before and after."""
    _visits_of_these_days(plan)
    _cancellations(plan)
    _missed(plan)
    _conversations(plan)
    _family(plan)
    _clash(plan)
    _pending(plan)
    _new_leads(plan)
    _recalls(plan)


def _visits_of_these_days(plan: Plan) -> None:
    """A few visits on each of the last working days and the coming ones, so that weeks can be compared."""
    patients = {
        "Tomasz Zielinski": (-4, "10:00", CHECK), "Yuki Shimada": (-3, "14:00", BOTOX),
        "Leilani Faleolo": (-2, "10:00", CHECK), "Beau Whitlock": (-2, "14:00", FOLLOW_UP),
        "Kenji Shimada": (-1, "10:00", CHECK), "Mai Phuong Doan": (-1, "14:00", CHECK),
        "Mele Faleolo": (0, "09:00", CHECK), "Theo Papadakis": (0, "10:00", MOLE),
        "Grace Whitlock": (0, "11:00", BOTOX), "Priscilla Tan": (0, "14:00", FOLLOW_UP),
        "Oscar Bellweather": (0, "15:00", MOLE), "Renata Quispe": (0, "16:30", CHECK),
        "Noor Rahimi": (0, "10:00", MOLE), "Alasdair Kinross": (0, "15:00", CHECK),
        "Delphine Arnaud": (1, "10:00", BODY), "Callum Strathairn": (1, "11:30", CHECK),
        "Marguerite Oakes": (2, "15:00", CHECK), "Tamsin Wilcox": (4, "11:00", BOTOX),
        "Henry Prewitt": (6, "10:00", CHECK),
    }  # fmt: skip
    for who, (offset, wall, service) in patients.items():
        dice = plan.chance("these days", who)
        day = plan.diary(who).workday(offset)
        booked = plan.diary(who).at(
            day - timedelta(days=dice.randint(8, 12)), "12:05", minutes=dice.randint(0, 200)
        )
        booked = min(booked, plan.ago(hours=dice.randint(26, 70)))
        if who in LEADS:
            booked = max(booked, plan.diary(who).at(plan.day(who, -LEADS[who][0] + 1), "12:05"))
        answers = {
            "Oscar Bellweather": "",
            "Renata Quispe": "",
            "Delphine Arnaud": "",
            "Callum Strathairn": "",
        }
        plan.visit(
            who, service, day=day, wall=wall, booked=booked, by=dice.choice(("wix", "wix", "desk")),
            answers=answers.get(who, dice.choice(("booked", "reminded"))),
            ending="open" if who == "Theo Papadakis" else "attended",
        )  # fmt: skip


def _cancellations(plan: Plan) -> None:
    """Two urgent visits are lost, one just now and one yesterday afternoon; a third one is not urgent."""
    for who, service, lost in (
        ("Vikram Sahay", MOLE, plan.ago(minutes=25)),
        ("Ifeoma Adeyemi", BODY, plan.ago(hours=17)),
        ("Saskia Vandermeer", BOTOX, plan.ago(hours=20)),
    ):
        day, booked = plan.diary(who).workday(3), plan.ago(hours=24 * 5)
        plan.visit(who, service, day=day, booked=booked, answers="booked", ending="open", lost=lost)


def _missed(plan: Plan) -> None:
    """One did not come yesterday, and of one nobody has said so far whether they came."""
    diary = plan.diary("Hamish Ferrier")
    yesterday = diary.workday(-1)
    booked = diary.at(yesterday - timedelta(days=6), "13:20")
    plan.visit("Hamish Ferrier", MOLE, day=yesterday, wall="10:00", booked=booked, ending="no_show")
    plan.visit(
        "Saskia Vandermeer", FOLLOW_UP, day=yesterday, wall="15:00", booked=booked + timedelta(hours=2),
        answers="booked", ending="open",
    )  # fmt: skip


def _conversations(plan: Plan) -> None:
    plan.says("Delphine Arnaud", plan.ago(minutes=42), "Is there parking nearby?")
    plan.says("Renata Quispe", plan.ago(hours=14, minutes=20), "Do I need to bring a referral?")
    plan.says("Callum Strathairn", plan.ago(hours=15), "Hmm, let me check with work")


def _family(plan: Plan) -> None:
    """A mother and two children on one phone, all asked about a visit: her yes does not say whose."""
    mother, *children = "Nadia Haddad", "Omar Haddad", "Layla Haddad"
    diary = plan.diary(mother)
    for index, who in enumerate((mother, *children)):
        earlier = diary.at(plan.day(who, -31), "11:30", minutes=9 * index)
        plan.visit(who, CHECK, day=plan.day(who, -24), booked=earlier, ending="attended")
        booked = diary.at(plan.day(who, -4), "19:10", minutes=6 * index)
        plan.visit(who, FOLLOW_UP, day=diary.workday(1), booked=booked, ending="attended")
    plan.says(mother, plan.ago(minutes=70), "Yes")


def _clash(plan: Plan) -> None:
    """Wix sold one time with one doctor twice: once long ago, since put right, and once yesterday."""
    for first, second, offset, hours in (
        ("Bronwyn Tregenza", "Hamish Ferrier", 4, 21),
        ("Bronwyn Tregenza", "Beau Whitlock", -14, 24 * 24),
    ):
        diary = plan.diary(first)
        slot = plan.visit(
            first, CHECK, day=diary.workday(offset), booked=plan.ago(hours=hours + 30), answers="booked"
        )
        twice = Slot(slot.start, MINUTES[BOTOX], slot.practitioner)
        plan.visit_at(twice, second, BOTOX, booked=plan.ago(hours=hours), ending="open")


def _pending(plan: Plan) -> None:
    """Bookings that wait for Wix: one does now, one lapsed, one was declined."""
    day = plan.diary("Grace Whitlock").workday(5)
    plan.visit(
        "Grace Whitlock", FOLLOW_UP, day=day, booked=plan.ago(hours=5), ending="open", status="PENDING"
    )
    who = "Alasdair Kinross"
    plan.visit(
        who, BOTOX, day=plan.day(who, -20), booked=plan.ago(hours=24 * 26), ending="open", status="PENDING"
    )


def _new_leads(plan: Plan) -> None:
    who = "Freya Lindqvist"
    plan.add(plan.ago(hours=3), "lead_by_form", who, source="referral", intent="procedure")
    plan.says(who, plan.ago(hours=2, minutes=44), "I'd like to know more please")
    plan.add(
        plan.ago(minutes=18), "lead_by_form", "Joaquin Meireles", source="google_ads", intent="routine_check"
    )
    plan.add(plan.ago(hours=2), "stranger", SYDNEY, body="Hello, I would like to ask about an appointment")
    plan.add(plan.ago(hours=26), "lead_without_phone", SYDNEY)


def _recalls(plan: Plan) -> None:
    for who, hours in (("Lorna McCleary", 30), ("Stanley Abernathy", 28)):
        plan.add(plan.ago(hours=hours), "asks_for_recall", who)
    assert set(PEOPLE) >= CAST
