"""What can go wrong between us and a provider. Data holds ids and codes only."""

from __future__ import annotations

from core import events

WEBHOOK_FAILED = events.define(
    "webhook_failed", label="A delivery could not be applied", keys={"receipt", "provider", "reason"}
)
