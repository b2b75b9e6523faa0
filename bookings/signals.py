"""Which fields of this app's rows are watched. Status, time and outcome are not: their services say what a
move means.
"""

from __future__ import annotations

from bookings.events import BOOKING_UPDATED, SERVICE_UPDATED
from bookings.models import Booking, Service
from core.signals import track_model

BOOKING_FIELDS = (
    "contact_id",
    "service_id",
    "service_type",
    "urgency_level",
    "practitioner_id",
    "room_id",
    "payment_status",
    "price_cents",
)


def connect() -> None:
    """Called from AppConfig.ready()."""
    track_model(Booking, fields=BOOKING_FIELDS, updated=BOOKING_UPDATED)
    track_model(
        Service,
        fields=(
            "name", "service_type", "urgency_level", "duration_minutes", "buffer_minutes",
            "recall_interval_days", "price_cents", "is_high_risk", "is_active",
        ),
        updated=SERVICE_UPDATED,
    )  # fmt: skip
