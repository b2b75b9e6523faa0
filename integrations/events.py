"""What can go wrong between us and a provider, and what staff changed about one. Data holds ids and codes only."""

from __future__ import annotations

from core import events

WEBHOOK_FAILED = events.define(
    "webhook_failed", label="A delivery could not be applied", keys={"receipt", "provider", "reason"}
)
PROVIDER_CHANGED = events.define(
    "provider_changed", label="A provider's account was changed", keys={"account", "provider", "fields"}
)
PROVIDER_LOOKED_THROUGH = events.define(
    "provider_looked_through", label="A provider's list was gone through",
    keys={"account", "seen", "found", "first"},
)  # fmt: skip
SENDER_CHANGED = events.define(
    "sender_changed", label="A sender of texts was changed", keys={"sender", "registration", "fields"}
)
CALL_FAILED = events.define(
    "call_failed", label="A call to another system did not arrive", keys={"call", "kind", "reason"}
)
