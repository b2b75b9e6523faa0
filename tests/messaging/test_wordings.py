"""Templates: what may be saved, what they cost, and going back."""

from __future__ import annotations

import pytest

from bookings.models import Service
from core.causes import Cause
from core.errors import Invalid
from core.models import Event
from messaging import judging, linting, reasons, rendering, seed_texts, segments, values, wordings
from messaging.models import Template
from messaging.services import create_template, restore_seed, restore_version, save_template, send_text
from tests.factories.contacts import make_contact

CAUSE = Cause.system("test")
TYPICAL = {
    **dict.fromkeys(rendering.PLACEHOLDERS, "x"),
    "first_name": "Alexandra", "clinic": "Avatar Imaging Melbourne", "clinic_phone": "(03) 9000 0000",
    "date": "Wed 25 Nov", "time": "12:30 pm", "booking_link": "https://book.avatar.example",
    "review_link": "https://review.avatar.example", "referral_link": "https://book.avatar.example",
}  # fmt: skip
SMS = [seed for seed in seed_texts.TEMPLATES if seed.channel == "sms"]


@pytest.mark.parametrize("seed", SMS, ids=lambda seed: seed.name)
def test_a_delivered_text_fits_one_segment_names_the_clinic_and_may_be_saved(seed):
    size = segments.measure(rendering.render(seed.body, TYPICAL))

    assert (size.encoding, size.count) == ("GSM-7", 1)
    assert "{clinic}" in seed.body


@pytest.mark.parametrize("seed", seed_texts.TEMPLATES, ids=lambda seed: seed.name)
def test_the_linter_has_nothing_to_say_of_a_delivered_text(seed):
    wording = linting.Wording(
        seed.body, subject=seed.subject, purpose=seed.purpose, channel=seed.channel, asks_answer=seed.asks_answer,
        shown=rendering.render(seed.body, TYPICAL),
    )  # fmt: skip

    assert linting.lint(wording) == []


def test_there_is_a_text_for_every_name_the_rules_use():
    wanted = {
        "welcome_lead", "follow_up_no_response", "booking_confirmation", "booking_rescheduled", "reminder_48hr",
        "reminder_24hr", "reminder_48hr_confirmed", "reminder_24hr_confirmed", "reminder_2hr", "confirm_reply",
        "cancel_reply", "reschedule_reply",
        "cancellation_rescue", "no_show_followup", "thank_you_attended", "review_request", "referral_invite",
        "recall_reminder", "help_reply", "stop_reply", "welcome_email", "recall_email",
    }  # fmt: skip

    assert set(seed_texts.BY_NAME) == wanted


@pytest.mark.parametrize("word", ["cancer", "mole", "botox", "skin", "surgery", "scan", "results"])
def test_no_delivered_text_speaks_of_health(word):
    assert not any(word in seed.body.lower() for seed in seed_texts.TEMPLATES)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Hi {nobody}",
        "Hi {first_name",
        "Hi {}",
        "Hi {{first_name}}",
        "{first_name.__class__}",
        "{% now %}",
    ],
)
def test_a_wording_that_cannot_be_filled_is_refused(sydney, body):
    template = Template.objects.get(name="welcome_lead")
    with pytest.raises(Invalid):
        save_template(template_id=template.pk, body=body, cause=CAUSE)
    assert template.versions.count() == 1


def test_marketing_names_its_sender_and_the_way_out(sydney):
    template = Template.objects.get(name="review_request")
    for body in ("Rate us: {review_link} Reply STOP to opt out.", "{clinic}: rate us {review_link}"):
        with pytest.raises(Invalid, match="opt out"):
            save_template(template_id=template.pk, body=body, cause=CAUSE)


def test_every_wording_is_kept_and_can_come_back(sydney):
    template = Template.objects.get(name="welcome_lead")
    delivered = template.body
    save_template(template_id=template.pk, body="Hi {first_name}", cause=CAUSE)
    save_template(template_id=template.pk, asks_answer=True, cause=CAUSE)
    restore_seed(template_id=template.pk, cause=CAUSE)
    assert Template.objects.get(pk=template.pk).body == delivered
    restore_version(template_id=template.pk, number=2, cause=CAUSE)

    assert [v.body for v in template.versions.order_by("number")] == [
        delivered, "Hi {first_name}", delivered, "Hi {first_name}",
    ]  # fmt: skip
    assert Event.objects.filter(type="template_changed").count() == 4


def test_a_template_of_ones_own_has_no_delivered_wording(sydney):
    own = create_template(
        location_id=sydney.pk,
        name="own",
        body="Hi {first_name}",
        category="reply",
        purpose="service",
        cause=CAUSE,
    )
    with pytest.raises(Invalid):
        restore_seed(template_id=own.pk, cause=CAUSE)


def test_seeding_again_changes_nothing_that_staff_changed(sydney):
    template = Template.objects.get(name="welcome_lead")
    save_template(template_id=template.pk, body="Hi {first_name}", cause=CAUSE)
    assert wordings.add_missing(sydney.pk) == 0

    assert Template.objects.get(pk=template.pk).body == "Hi {first_name}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Dr. Zoë O'Brien", "Zoë"), ("Mr Smith", "Smith"), ("", "there"), ("anna", "anna"), ("J. Lee", "Lee")],
)
def test_people_are_greeted_by_their_first_name(name, expected):
    assert values.first_name(name) == expected


def test_the_neutral_label_of_an_intent_is_all_a_text_shows(sydney):
    contact = make_contact(sydney, name="Anna", intent="high_risk")
    shown = values.for_message(contact=contact, location=sydney, booking=None)

    assert shown["intent"] == "appointment"


def test_every_reason_has_words():
    for code in (
        "merged",
        "no_number",
        "contact_hidden",
        "outcome_changed",
        "visit_moved",
        "no_template",
        "cap",
    ):
        assert reasons.words(code).endswith(".")
        assert "_" not in reasons.words(code)
    assert judging.NEEDS_OUTCOME


def test_a_text_that_speaks_of_health_or_names_a_procedure_cannot_be_saved(sydney):
    Service.objects.create(location=sydney, name="Mole mapping", service_type="procedure")
    Service.objects.create(location=sydney, name="Follow-up", service_type="follow_up")
    template = Template.objects.get(name="welcome_lead")
    for body in ("{clinic}: your biopsy is back", "{clinic}: your mole mapping is booked"):
        with pytest.raises(Invalid, match="your visit"):
            save_template(template_id=template.pk, body=body, cause=CAUSE)
    save_template(template_id=template.pk, body="{clinic}: time for your follow-up", cause=CAUSE)


def test_a_text_of_a_persons_own_may_not_hide_where_a_link_leads(sydney, anna, account):
    with pytest.raises(Invalid, match="booking_link"):
        send_text(contact_id=anna.pk, body="Look: bit.ly/abc", cause=CAUSE)
    assert send_text(contact_id=anna.pk, body="Your biopsy is back, call us", cause=CAUSE).created
