"""What a row of the queue is worth to the clinic, in plain words. Pure.

An estimate for the eye: the price of the visit it is about, of the visit that was last attended where one is due
again, or what the clinic usually charges for what a lead asks for. It orders nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_SIGNS = {"AUD": "$", "USD": "$", "CAD": "$", "NZD": "$", "GBP": "£", "EUR": "€"}
HOT, WARM = 70, 40
#: What a lead wants -> the type of service that it would become.
SERVICE_TYPES = {"procedure": "procedure", "follow_up": "follow_up", "routine_check": "routine"}


@dataclass(frozen=True, slots=True)
class Price:
    """A service of the clinic with its price in cents."""

    service_type: str
    high_risk: bool
    cents: int


def money(cents: int, currency: str) -> str:
    """An amount in a clinic's own currency: "$180", "$1,250.50", "CHF 90"."""
    whole, rest = divmod(cents, 100)
    sign = _SIGNS.get(currency, f"{currency} ")
    return f"{sign}{whole:,}" + (f".{rest:02d}" if rest else "")


def usual_price(intent: str, prices: Iterable[Price]) -> int | None:
    """What the clinic usually charges for what a lead asks for, in cents: the middle of its prices for it."""
    known = list(prices)
    if intent == "high_risk":
        fitting = sorted(price.cents for price in known if price.high_risk)
    else:
        wanted = SERVICE_TYPES.get(intent)
        fitting = sorted(
            price.cents for price in known if price.service_type == wanted and not price.high_risk
        )
    return fitting[(len(fitting) - 1) // 2] if fitting else None


def warmth(score: int) -> str:
    """How ready the person is, in a word: hot, warm or cool."""
    return "hot" if score >= HOT else "warm" if score >= WARM else "cool"


def words(
    *,
    currency: str,
    visit_cents: int | None = None,
    recall_cents: int | None = None,
    lead_cents: int | None = None,
) -> str:
    """The value in words; "" where nothing is known. The visit itself counts before a guess."""
    if visit_cents:
        return f"{money(visit_cents, currency)} visit"
    if recall_cents:
        return f"about {money(recall_cents, currency)} if they come again"
    if lead_cents:
        return f"about {money(lead_cents, currency)} if they book"
    return ""
