"""The primary figure on the page staff start on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from accounts import access
from accounts.models import Location, User
from reporting import recovered, selectors
from tasks import home


def connect() -> None:
    """Join the start page."""
    home.cards.register("attended", home.Card(10, "reporting/attended_card.html", attended))


def attended(user: User, now: datetime) -> dict[str, Any] | None:
    """Attended this week against last; nothing for those who may not see reports."""
    if not access.allowed(user, "read", "reports"):
        return None
    start = selectors.this_monday(access.home_location(user) or Location(), now)
    back = recovered.recovered_week(user, week_start=start)
    return {
        "week": selectors.attended_week(user, week_start=start, now=now),
        "rescued": len(back.rescued),
        "recalled": len(back.recalled),
    }
