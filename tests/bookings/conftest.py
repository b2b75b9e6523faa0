from __future__ import annotations

from datetime import UTC, datetime

import pytest

from accounts.models import Location
from bookings.models import Service
from contacts.models import Contact
from core import clock
from tests.clinic import api, melbourne, no_counts_from_other_tests, outsider, pages, staff, sydney
from tests.factories.bookings import make_service
from tests.factories.contacts import make_contact

__all__ = ["api", "melbourne", "no_counts_from_other_tests", "outsider", "pages", "staff", "sydney"]

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""Monday noon in Sydney."""


@pytest.fixture
def now():
    """Time stands still; `now.advance(...)` moves it."""
    with clock.frozen(NOW) as frozen:
        yield frozen


@pytest.fixture
def ana(sydney: Location) -> Contact:
    return make_contact(sydney, name="Ana Silva", phone="+61412345678", source="referral")


@pytest.fixture
def check(sydney: Location) -> Service:
    return make_service(sydney)
