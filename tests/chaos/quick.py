"""The waits of the system, shortened so that a run of chaos ends in minutes. The one place where it differs.

Nothing else is changed: the order of steps, what is committed when, and who decides what are the real ones. Every
wait that one another depends on keeps its order: a call ends before its lease does, a look-up comes after the lag of
the provider's list.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

SECOND = timedelta(seconds=1)

#: Module, name, and the value here. The real one stands in the module.
WAITS: tuple[tuple[str, str, Any], ...] = (
    ("core.claims", "LEASE", 15 * SECOND),
    ("core.work", "FIRST_RETRY", SECOND),
    ("core.jobs", "DRAIN_SECONDS", 6),
    ("messaging.sending", "LEASE", 20 * SECOND),
    ("messaging.sending", "CALL_TAKES", 8 * SECOND),
    ("messaging.sending", "FIRST_LOOK", 3 * SECOND),
    ("messaging.sending", "SECONDS", 6),
    ("messaging.settling", "LOOKS", (3 * SECOND, 12 * SECOND, 40 * SECOND)),
    ("messaging.delivery", "FIRST_RETRY", 2 * SECOND),
    ("integrations.outbox", "LEASE", 15 * SECOND),
    ("integrations.fetching", "LEASE", 15 * SECOND),
    ("integrations.http", "READ_SECONDS", 5.0),
    ("integrations.http", "TOTAL_SECONDS", 7.0),
)
#: How long after a call the list of a provider's fake may be behind: it is not, so this only keeps the order.
SEARCH_LAG = 6 * SECOND
GATEWAYS = (
    ("integrations.providers.twilio", "TwilioGateway"),
    ("integrations.providers.clicksend", "ClickSendGateway"),
)
#: Seconds between the ticks of Beat: in the real system 10, 60 and 900.
TICKS = {"core.tick_10s": 3, "core.tick_1min": 10, "core.tick_15min": 30}


def shorten() -> None:
    """Put the waits of this table in place. Called when a process of chaos starts."""
    for module, name, value in WAITS:
        owner = importlib.import_module(module)
        if not hasattr(owner, name):
            raise AttributeError(f"{module} has no {name} any more: mend tests/chaos/quick.py.")
        setattr(owner, name, value)
    for module, name in GATEWAYS:
        kind = getattr(importlib.import_module(module), name)
        kind.capabilities = replace(kind.capabilities, search_lag=SEARCH_LAG)
