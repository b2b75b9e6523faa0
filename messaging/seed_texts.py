"""The wordings a clinic starts with. Staff edit them; "restore" brings these back.

Pure. Each SMS fits one GSM-7 segment with typical values, names the clinic and says nothing about anyone's
health. Welcome, booking, reminder, rescue and reply texts answer something the person did: purpose service.
Recall and follow-up come from us, for their care: purpose care. Asking for a review or a referral is
marketing, and says how to opt out.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SeedTemplate:
    """One wording as delivered."""

    name: str
    category: str
    purpose: str
    body: str
    asks_answer: bool = False
    channel: str = "sms"
    subject: str = ""


TEMPLATES: tuple[SeedTemplate, ...] = (
    SeedTemplate(
        "welcome_lead", "welcome", "service",
        "Hi {first_name}, thanks for contacting {clinic}. We will call you shortly. "
        "Prefer to choose a time now? {booking_link}",
    ),
    SeedTemplate(
        "follow_up_no_response", "follow_up", "care",
        "Hi {first_name}, {clinic} here about your enquiry. "
        "Reply to this text or call {clinic_phone} whenever it suits you.",
    ),
    SeedTemplate(
        "booking_confirmation", "booking", "service",
        "Hi {first_name}, your visit to {clinic} is booked for {date} at {time}. "
        "Reply YES to confirm, or call {clinic_phone} to change it.",
        asks_answer=True,
    ),
    SeedTemplate(
        "booking_rescheduled", "booking", "service",
        "Hi {first_name}, your visit to {clinic} is now {date} at {time}. "
        "Reply YES to confirm, or call {clinic_phone} to change it.",
        asks_answer=True,
    ),
    SeedTemplate(
        "reminder_48hr", "reminder", "service",
        "Hi {first_name}, a reminder of your visit to {clinic}: {date} at {time}. "
        "Reply YES to confirm, or call {clinic_phone} to change it.",
        asks_answer=True,
    ),
    SeedTemplate(
        "reminder_24hr", "reminder", "service",
        "Hi {first_name}, we look forward to seeing you at {clinic} on {date} at {time}. "
        "Please reply YES, or call {clinic_phone} to change it.",
        asks_answer=True,
    ),
    SeedTemplate(
        "reminder_48hr_confirmed", "reminder", "service",
        "Hi {first_name}, a reminder of your visit to {clinic}: {date} at {time}. "
        "Call {clinic_phone} if anything changes.",
    ),
    SeedTemplate(
        "reminder_24hr_confirmed", "reminder", "service",
        "Hi {first_name}, we look forward to seeing you at {clinic} on {date} at {time}. "
        "Call {clinic_phone} if anything changes.",
    ),
    SeedTemplate(
        "reminder_2hr", "reminder", "service",
        "Hi {first_name}, see you at {clinic} on {date} at {time}. Running late? Call {clinic_phone}.",
    ),
    SeedTemplate(
        "confirm_reply", "reply", "service",
        "Thank you {first_name}, your visit to {clinic} on {date} at {time} is confirmed. See you then!",
    ),
    SeedTemplate(
        "cancel_reply", "reply", "service",
        "Thanks {first_name}, {clinic} has your message about your visit. "
        "We will get back to you soon, or call {clinic_phone}.",
    ),
    SeedTemplate(
        "reschedule_reply", "reply", "service",
        "Thanks {first_name}, {clinic} is happy to find you another time. "
        "We will call you, or choose one here: {booking_link}",
    ),
    SeedTemplate(
        "cancellation_rescue", "rescue", "service",
        "Hi {first_name}, your visit to {clinic} is cancelled. "
        "To find a new time reply to this text or book here: {booking_link}",
    ),
    SeedTemplate(
        "no_show_followup", "follow_up", "care",
        "Hi {first_name}, we missed you at {clinic}. "
        "Reply to this text or call {clinic_phone} and we will find you another time.",
    ),
    SeedTemplate(
        "thank_you_attended", "follow_up", "care",
        "Hi {first_name}, thank you for visiting {clinic}. "
        "Any questions? Reply to this text or call {clinic_phone}.",
    ),
    SeedTemplate(
        "review_request", "review", "marketing",
        "Hi {first_name}, thank you for visiting {clinic}. "
        "Would you tell others how it was? {review_link} Reply STOP to opt out.",
    ),
    SeedTemplate(
        "referral_invite", "referral", "marketing",
        "Hi {first_name}, {clinic} is glad to look after your friends too: {referral_link} Reply STOP to opt out.",
    ),
    SeedTemplate(
        "recall_reminder", "recall", "care",
        "Hi {first_name}, {clinic} here: it is time to plan your next visit. "
        "Book at {booking_link} or call {clinic_phone}.",
    ),
    SeedTemplate(
        "help_reply", "reply", "service",
        "{clinic}: reply to this text and our team will answer, or call {clinic_phone}. Reply STOP to opt out.",
    ),
    SeedTemplate(
        "stop_reply", "reply", "service",
        "{clinic}: you will get no more texts from us. Reply START to get them again, or call {clinic_phone}.",
    ),
    SeedTemplate(
        "welcome_email", "welcome", "service",
        "Hi {first_name},\n\nThank you for contacting {clinic}. We will be in touch shortly. You can also choose a "
        "time yourself at {booking_link} or call us on {clinic_phone}.\n\n{clinic}",
        channel="email", subject="Thank you for contacting {clinic}",
    ),
    SeedTemplate(
        "recall_email", "recall", "care",
        "Hi {first_name},\n\nIt is time to plan your next visit to {clinic}. Book at {booking_link} or call us on "
        "{clinic_phone}.\n\n{clinic}",
        channel="email", subject="Your next visit to {clinic}",
    ),
)  # fmt: skip

BY_NAME = {seed.name: seed for seed in TEMPLATES}
