"""What can happen to a visit. Data holds ids, codes, times and field names, never personal values."""

from __future__ import annotations

from core import events

BOOKING_CREATED = events.define("booking_created", label="Visit booked", keys={"source", "found"})
BOOKING_UPDATED = events.define("booking_updated", label="Visit changed", keys={"fields"})
BOOKING_RESCHEDULED = events.define("booking_rescheduled", label="Visit moved", keys={"old", "new", "found"})
BOOKING_CANCELLED = events.define("booking_cancelled", label="Visit cancelled", keys={"reason", "found"})
BOOKING_CONFIRMED = events.define("booking_confirmed", label="Visit confirmed by the patient")
BOOKING_ARRIVED = events.define("booking_arrived", label="Patient arrived")
BOOKING_OUTCOME_UPDATED = events.define(
    "booking_outcome_updated", label="Outcome of the visit recorded", keys={"old", "new"}
)
BOOKING_OUTCOME_MISSING = events.define("booking_outcome_missing", label="Visit without an outcome")
BOOKING_CLASH = events.define("booking_clash", label="Two visits at one time", keys={"other"})
BOOKING_EXPIRED = events.define("booking_expired", label="Pending visit expired", keys={"source"})
SERVICE_UPDATED = events.define("service_updated", label="Service changed", keys={"fields"})
