"""Touchpoints, touches, moments and the warmness that follows from them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts import handlers, scoring, services, warmness
from contacts.models import Contact, ScoringTable, Touchpoint, WarmnessDelta, WarmnessHistory
from contacts.seeds import seed
from contacts.vocabulary import Intent, Source, TouchpointType
from core import work
from core.causes import Cause
from core.errors import Invalid, NotFound
from core.models import Event, Work
from tests.contacts.conftest import NOW
from tests.factories.contacts import CAUSE, log, make_contact

RULE = Cause.rule_run(7, ("3:1",))


def scored(contact: Contact) -> int:
    contact.refresh_from_db()
    return contact.warmness_score


def test_a_touchpoint_is_told_of_with_its_cause_and_kept_moments_follow(sydney, now):
    contact = make_contact(sydney)
    sent = log(contact, "sms_sent", cause=RULE, source="sms")
    now.advance(timedelta(minutes=3))
    log(contact, "sms_received", cause=Cause.provider(1))
    contact.refresh_from_db()
    assert (contact.last_outbound_at, contact.last_inbound_at) == (NOW, now.at)
    assert contact.last_touchpoint_at == now.at
    event = Event.objects.get(type="touchpoint_logged", data__type="sms_sent")
    assert (event.data["touchpoint"], event.chain, event.contact_id) == (sent.pk, ["3:1"], contact.pk)


def test_what_arrives_late_does_not_turn_time_back(sydney, now):
    contact = make_contact(sydney)
    log(contact, "ad_click", is_attribution=True, update_last_touch=True, source="google_ads")
    log(contact, "form_submit", at=NOW - timedelta(days=2), update_last_touch=True, source="web_form")
    contact.refresh_from_db()
    assert contact.last_touchpoint_at == NOW
    assert contact.last_touch["source"] == "google_ads"


def test_the_first_touch_is_set_once(sydney, now):
    contact = make_contact(sydney)
    Contact.objects.filter(pk=contact.pk).update(first_touch={})
    log(contact, "ad_click", is_attribution=True, source="meta_ads", details={"fbclid": "f1", "note": "x"})
    log(contact, "ad_click", is_attribution=True, source="google_ads")
    contact.refresh_from_db()
    assert contact.first_touch == {
        "source": "meta_ads", "type": "ad_click", "fbclid": "f1", "at": NOW.isoformat(),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("after", "points"),
    [
        (timedelta(minutes=5), 10),
        (timedelta(minutes=6), -5),
        (timedelta(hours=2), 0),
        (timedelta(hours=24), -10),
    ],
)
def test_speed_to_lead_counts_from_the_lead(sydney, now, after, points):
    contact = make_contact(sydney, is_lead=True, intent="procedure")
    now.advance(after)
    log(contact, "call_attempted", cause=Cause.user(1))
    assert scored(contact) == 30 + points


def test_a_lead_nobody_answered_loses_points_after_a_day_by_itself(sydney, now):
    contact = make_contact(sydney, is_lead=True, intent="procedure")
    work.drain()
    assert scored(contact) == 30
    now.advance(timedelta(hours=24))
    work.drain()
    assert scored(contact) == 20
    assert Work.objects.get(handler="contacts.first_contact_due").state == "done"


def test_a_lead_created_touchpoint_makes_a_contact_a_lead(sydney, now):
    contact = make_contact(sydney)
    log(contact, "lead_created", is_attribution=True)
    contact.refresh_from_db()
    assert contact.lead_at == NOW
    assert Work.objects.filter(handler="contacts.first_contact_due").count() == 1


def test_each_crossing_upwards_is_told_once(sydney, now):
    contact = make_contact(sydney, intent="procedure", source="referral")

    def adjust(points):
        services.adjust_warmness([services.WarmnessAdjustment(contact.pk, points, "test", cause=RULE)])

    for points in (20, 5, -10, 30, 1):
        adjust(points)
    crossed = Event.objects.filter(type="warmness_threshold").order_by("pk").values_list("data", "chain")
    assert list(crossed) == [
        ({"threshold": 70, "score": 70, "previous": 50}, ["3:1"]),
        ({"threshold": 70, "score": 95, "previous": 65}, ["3:1"]),
        ({"threshold": 80, "score": 95, "previous": 65}, ["3:1"]),
    ]


def test_an_adjustment_outlives_every_recalculation(sydney):
    contact = make_contact(sydney, intent="procedure")
    services.adjust_warmness([services.WarmnessAdjustment(contact.pk, 10, "replied", cause=CAUSE)])
    services.recalculate_warmness([contact.pk], cause=CAUSE)
    assert scored(contact) == 40
    assert WarmnessHistory.objects.latest("pk").parts == {
        "intent": 30, "source": 0, "engagement": 0, "speed": 0, "adjustments": 10,
    }  # fmt: skip


def test_adjustments_and_stage_changes_cannot_be_rewritten(sydney):
    contact = make_contact(sydney)
    services.adjust_warmness([services.WarmnessAdjustment(contact.pk, 10, "replied", cause=CAUSE)])
    for change in (WarmnessDelta.objects.update, contact.stage_changes.update):
        field = {"delta": 50} if change == WarmnessDelta.objects.update else {"to_stage": "booked"}
        with pytest.raises(DatabaseError), transaction.atomic():
            change(**field)
    with pytest.raises(DatabaseError), transaction.atomic():
        WarmnessDelta.objects.all().delete()


def test_what_somebody_wants_and_where_they_came_from_count_when_they_change(sydney):
    contact = make_contact(sydney)
    services.update_contact(
        contact_id=contact.pk, fields={"intent": "procedure", "source": "referral"}, cause=CAUSE
    )
    assert scored(contact) == 50


def test_unknown_types_and_contacts_are_refused_and_nothing_is_kept(sydney):
    contact = make_contact(sydney)
    with pytest.raises(Invalid):
        log(contact, "smoke_signal")
    with pytest.raises(NotFound):
        services.log_touchpoints([
            services.NewTouchpoint(contact.pk, "ad_click", cause=CAUSE),
            services.NewTouchpoint(contact.pk + 1, "ad_click", cause=CAUSE),
        ])  # fmt: skip
    assert not Touchpoint.objects.exists()


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(TouchpointType.values), st.integers(0, 3000), st.sampled_from(["m1", "m2", ""])
        ),
        st.tuples(st.just("adjust"), st.integers(-30, 30), st.just("")),
        st.tuples(st.just("intent"), st.sampled_from(["", *Intent.values]), st.just("")),
        st.tuples(st.just("source"), st.sampled_from(Source.values), st.just("")),
    ),
    max_size=12,
)


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, is_lead=st.booleans())
def test_stored_warmness_equals_recomputed_warmness_after_anything(sydney, now, steps, is_lead):
    with transaction.atomic():
        now.set(NOW)
        contact = make_contact(sydney, is_lead=is_lead)
        for what, value, message in steps:
            _take(contact, what, value, message, now)
            work.drain()
            assert list(warmness.differences()) == []
        history = WarmnessHistory.objects.filter(contact=contact).order_by("-pk").first()
        assert scored(contact) == (history.score if history else 0)
        transaction.set_rollback(True)


def _take(contact, what, value, message, now):
    if what == "adjust":
        services.adjust_warmness([services.WarmnessAdjustment(contact.pk, value, "why", cause=CAUSE)])
    elif what in ("intent", "source"):
        services.update_contact(contact_id=contact.pk, fields={what: value}, cause=CAUSE)
    else:
        now.advance(timedelta(minutes=value))
        details = {"message": message} if message else {}
        log(contact, what, cause=Cause.user(1) if value % 2 else CAUSE, details=details)


def test_the_nightly_check_finds_and_mends_what_differs(sydney, melbourne, now, caplog):
    contact = make_contact(sydney, intent="procedure")
    other = make_contact(melbourne)
    Contact.objects.filter(pk__in=[contact.pk, other.pk]).update(warmness_score=99)
    assert list(warmness.differences(sydney.pk)) == [warmness.Difference(contact.pk, 99, 30)]
    assert handlers.plan_checks() == 4  # warmness and search, of two clinics
    assert handlers.plan_checks() == 0
    now.advance(timedelta(days=1))
    work.drain()
    assert (scored(contact), scored(other)) == (30, 0)
    assert list(warmness.differences()) == []


def test_the_nightly_check_goes_on_from_part_to_part(sydney, now, monkeypatch):
    monkeypatch.setattr(warmness, "CHECK_SIZE", 2)
    contacts = [make_contact(sydney, name=f"Person {n}", intent="procedure") for n in range(5)]
    Contact.objects.update(warmness_score=99)
    handlers.plan_checks()
    now.advance(timedelta(days=1))
    work.drain()
    assert [scored(contact) for contact in contacts] == [30] * 5
    assert Work.objects.filter(handler=handlers.CHECK_WARMNESS, state="done").count() == 3


def test_the_check_can_be_run_by_hand(sydney, capsys):
    contact = make_contact(sydney, intent="procedure")
    Contact.objects.update(warmness_score=99)
    with pytest.raises(CommandError, match="1 stored scores differ"):
        call_command("check_warmness")
    call_command("check_warmness", mend=True)
    call_command("check_warmness")
    assert capsys.readouterr().out.splitlines() == [
        f"contact {contact.pk}: stored 99, recomputed 30",
        "1 scores mended.",
        "Every stored score is what its rows say.",
    ]


def test_weights_are_data_and_a_change_scores_everybody_anew(sydney, melbourne, now):
    seed(demo=False)
    seed(demo=False)
    here, there = make_contact(sydney, intent="procedure"), make_contact(melbourne, intent="procedure")
    services.set_weights(location_id=sydney.pk, points={("intent", "procedure"): 45}, cause=CAUSE)
    work.drain()
    assert (scored(here), scored(there)) == (45, 30)
    assert services.restore_weights(location_id=sydney.pk, cause=CAUSE) == 1
    work.drain()
    assert scored(here) == 30


def test_seeding_never_overwrites_what_staff_set(sydney):
    seed(demo=False)
    assert ScoringTable.objects.count() == len(scoring.DEFAULT_WEIGHTS.as_rows())
    ScoringTable.objects.filter(kind="intent", key="procedure").update(points=1)
    seed(demo=False)
    assert ScoringTable.objects.get(kind="intent", key="procedure").points == 1


def test_logging_a_set_costs_the_same_however_long_it_is(sydney, now, queries):
    def run(size):
        contacts = [make_contact(sydney, name=f"P {n}", is_lead=True) for n in range(size)]
        kinds = ("sms_sent", "email_opened")
        news = [services.NewTouchpoint(c.pk, kind, cause=RULE) for c in contacts for kind in kinds]
        adjustments = [services.WarmnessAdjustment(c.pk, 60, "set", cause=RULE) for c in contacts]
        return (
            queries(lambda: services.log_touchpoints(news)),
            queries(lambda: services.adjust_warmness(adjustments)),
        )

    assert run(2) == run(25)
    assert max(run(2)) <= 14
