"""The words messages are sorted by. Values are those of domain.md, and stand in the database."""

from __future__ import annotations

from django.db import models


class Channel(models.TextChoices):
    SMS = "sms", "SMS"
    MMS = "mms", "MMS"
    EMAIL = "email", "E-mail"
    INSTAGRAM = "instagram", "Instagram"
    WEBCHAT = "webchat", "Web chat"


class Purpose(models.TextChoices):
    """What a message is for; decides which consent it needs and whether it waits for quiet hours."""

    SERVICE = "service", "Service: about a visit or an enquiry the person made"
    CARE = "care", "Care: recall and follow-up"
    MARKETING = "marketing", "Marketing: reviews, referrals, campaigns"


#: Service goes out before care, care before marketing.
PURPOSE_RANK = {Purpose.SERVICE: 0, Purpose.CARE: 1, Purpose.MARKETING: 2}


class Category(models.TextChoices):
    WELCOME = "welcome", "Welcome"
    FOLLOW_UP = "follow_up", "Follow-up"
    BOOKING = "booking", "Booking"
    REMINDER = "reminder", "Reminder"
    RESCUE = "rescue", "Rescue"
    RECALL = "recall", "Recall"
    REVIEW = "review", "Review"
    REFERRAL = "referral", "Referral"
    DEPOSIT = "deposit", "Deposit"
    REPLY = "reply", "Reply"
    CAMPAIGN = "campaign", "Campaign"


class Direction(models.TextChoices):
    OUTBOUND = "outbound", "To the patient"
    INBOUND = "inbound", "From the patient"


class Status(models.TextChoices):
    SCHEDULED = "scheduled", "Scheduled"
    QUEUED = "queued", "Queued"
    CLAIMED = "claimed", "Being checked"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Failed"
    UNKNOWN = "unknown", "Not known whether it was sent"
    RECEIVED = "received", "Received"
    SUPPRESSED = "suppressed", "Not allowed"
    SKIPPED = "skipped", "Not needed any more"
    HELD = "held", "Held for a person"
    EXPIRED = "expired", "Too late"
    CANCELLED = "cancelled", "Cancelled"
    PARKED = "parked", "Given up after several tries"


#: Not yet handed to anybody: may be changed, withdrawn, sent now.
PENDING = (Status.SCHEDULED, Status.QUEUED, Status.HELD)
#: What the sender looks for.
CLAIMABLE = (Status.SCHEDULED, Status.QUEUED)
#: What has gone wrong, or has not gone, by itself.
TROUBLE = (
    Status.FAILED, Status.UNKNOWN, Status.PARKED, Status.HELD, Status.EXPIRED, Status.SUPPRESSED, Status.SKIPPED,
)  # fmt: skip
