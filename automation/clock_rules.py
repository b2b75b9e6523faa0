"""Rules that run by the clock: whose time has come, told as one `rule_due` event for each contact.

A tick finds the hour or the day that has begun at a location and makes one work item of it; the item looks
for contacts with a query, decides by their facts, and leaves out what a rule acted on before. Nobody else
leaves a trace: why a clock rule did not fire is computed when somebody asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from accounts.models import Location
from automation import anchors, engine, facts, query, rulebook
from automation.anchors import AnchorFacts
from automation.events import RULE_DUE
from automation.models import ClockLook, Rule, RuleRun
from automation.subjects import Happening, Subject, Visit
from automation.triggers import CLOCK
from contacts.models import Contact, Touchpoint
from contacts.vocabulary import OUTBOUND
from core import clock, ticks, work
from core.causes import Cause, CauseKind
from core.crashpoints import crashpoint, declare
from core.events import NewEvent, record_many
from core.models import Work
from core.work import NewWork

CLOCK_RULES = "automation.clock_rules"

declare("clock.planned", "clock.told")

PART = 500


def plan_clock_rules() -> int:
    """See that the hour and the day that have begun at each location are in line. Returns 0: nothing is done
    here.
    """
    now = clock.now()
    due = Rule.objects.filter(trigger=CLOCK, is_active=True).exclude(location__automation_mode="off")
    pairs = set(due.values_list("location_id", "every"))
    places = Location.objects.in_bulk({location_id for location_id, _ in pairs})
    planned = []
    for location_id, every in sorted(pairs):
        slot = slot_of(places[location_id], every, now)
        planned.append(
            NewWork(
                handler=CLOCK_RULES,
                location_id=location_id,
                subject=f"location:{location_id}",
                dedupe_key=f"clock-rules:{location_id}:{slot}",
                args={"every": every, "slot": slot},
            )
        )
    work.enqueue_many(planned)
    crashpoint("clock.planned")
    return 0


def slot_of(location: Location, every: str, now: datetime) -> str:
    """The hour, or the location's day, that `now` lies in; its day begins at `daily_at`."""
    if every == Rule.Every.HOURLY:
        return f"hourly:{now:%Y%m%d%H}"
    local = location.local(now)
    begun = local.date() if local.time() >= location.daily_at else local.date() - timedelta(days=1)
    return f"daily:{begun:%Y%m%d}"


@work.handler(CLOCK_RULES)
def clock_rules(items: list[Work]) -> None:
    """Look for contacts whose time has come, rule by rule."""
    for item in items:
        location = Location.objects.get(pk=item.location_id or 0)
        if location.automation_mode == Location.AutomationMode.OFF:
            continue
        rules = Rule.objects.filter(
            location=location, trigger=CLOCK, every=item.args["every"], is_active=True
        )
        ClockLook.objects.bulk_create(
            [ClockLook(location_id=location.pk, slot=item.args["slot"])], ignore_conflicts=True
        )
        for rule in rules.select_related("current").order_by("priority", "key"):
            fire(rule, location, slot=item.args["slot"])
            crashpoint("clock.told")


def fire(rule: Rule, location: Location, *, slot: str) -> int:
    """Tell of every contact that the rule is due for. Returns how many."""
    told = 0
    now = clock.now()
    text = rulebook.text_of(rule)
    if text.broken:
        return 0
    found, _ = query.candidates(text.conditions, location=location, now=now)
    ids = list(found.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), PART):
        due = _due(rule, text, location, ids[start : start + PART], now)
        record_many(
            [
                NewEvent(
                    type=RULE_DUE,
                    cause=Cause.clock(rule.every),
                    location_id=location.pk,
                    contact_id=contact_id,
                    booking_id=booking_id,
                    data={"rule": str(rule.public_id), "anchor": anchor},
                    dedupe_key=f"rule-due:{rule.pk}:{anchor}:{slot}",
                )
                for contact_id, booking_id, anchor in due
            ]
        )
        told += len(due)
    return told


def _due(
    rule: Rule, text: engine.RuleText, location: Location, ids: Sequence[int], now: datetime
) -> list[tuple[int, int | None, str]]:
    """Contact, visit and anchor of those whose facts fire the rule and whom it has not met about this
    before.
    """
    subjects = look(location, ids, now)
    contacts = Contact.objects.in_bulk(ids)
    own = own_last_words(rule, ids) if rule.anchor == "outbound" else frozenset()
    due = []
    for pk, subject in subjects.items():
        if engine.plan_run(subject, text, now=now).outcome is not engine.Outcome.MATCHED:
            continue
        anchor = anchors.anchor(
            rule.anchor,
            anchor_facts(contacts[pk], subject.visit, subject.local_day(now), answered=pk not in own),
        )
        if anchor:
            due.append((pk, subject.visit_id if rule.anchor == "booking" else None, anchor))
    met = set(
        RuleRun.objects.filter(rule=rule, anchor__in=[anchor for _, _, anchor in due]).values_list(
            "anchor", flat=True
        )
    )
    return [row for row in due if row[2] not in met]


def look(location: Location, contact_ids: Sequence[int], now: datetime) -> dict[int, Subject]:
    """What is known of contacts while nothing has happened; by contact."""
    happenings = [
        Happening(
            event_id=pk,
            type=CLOCK,
            location_id=location.pk,
            anchor="",
            cause=Cause.clock("look"),
            occurred_at=now,
            contact_id=pk,
        )
        for pk in contact_ids
    ]
    return facts.load(happenings, {}, now=now, locations={location.pk: location})


def own_last_words(rule: Rule, contact_ids: Sequence[int]) -> frozenset[int]:
    """Contacts to whom the last thing that went out was this rule's own doing; two queries.

    A rule that follows up on silence must not follow up on its own follow-up for ever.
    """
    rows = (
        Touchpoint.objects.filter(contact_id__in=contact_ids, type__in=OUTBOUND)
        .order_by("contact_id", "-at", "-pk")
        .distinct("contact_id")
        .values_list("contact_id", "cause_kind", "cause_id")
    )
    by_rules = {contact_id: int(run) for contact_id, kind, run in rows if kind == CauseKind.RULE_RUN}
    runs = RuleRun.objects.filter(pk__in=by_rules.values(), rule=rule).values_list("pk", flat=True)
    mine = set(runs) if by_rules else set()
    return frozenset(contact_id for contact_id, run in by_rules.items() if run in mine)


def anchor_facts(contact: Contact, visit: Visit | None, today: date, *, answered: bool = True) -> AnchorFacts:
    """What an anchor may be made of, for one contact and the next visit, on a day of the clinic. Not `answered`: the
    last word was the rule's own.
    """
    return AnchorFacts(
        contact_id=contact.pk,
        today=today,
        booking_id=None if visit is None else visit.id,
        appointment_at=None if visit is None else visit.at,
        last_outbound_at=contact.last_outbound_at if answered else None,
        last_touchpoint_at=contact.last_touchpoint_at,
        stage_entered_at=contact.stage_entered_at,
        recall_due_date=contact.recall_due_date,
    )


def connect() -> None:
    """Look at the clock every minute; an hour or a day that is in line already costs one statement."""
    ticks.register("1min", "automation.plan_clock_rules", plan_clock_rules)
