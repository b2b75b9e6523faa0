from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Location, Membership, User
from core import clock

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""Monday noon in Sydney."""


@pytest.fixture
def now():
    """Time stands still; `now.advance(...)` moves it."""
    with clock.frozen(NOW) as frozen:
        yield frozen


@pytest.fixture
def sydney(db) -> Location:
    return Location.objects.create(name="Avatar Imaging Sydney", code="sydney")


@pytest.fixture
def melbourne(db) -> Location:
    return Location.objects.create(
        name="Avatar Imaging Melbourne", code="melbourne", time_zone="Australia/Melbourne"
    )


def _member(location: Location | None, role: str, email: str) -> User:
    user = User.objects.create_user(email, "a long password 1", name=role.title())
    Membership.objects.create(user=user, location=location, role=role)
    return user


@pytest.fixture
def manager(sydney) -> User:
    return _member(sydney, "manager", "manager@clinic.test")


@pytest.fixture
def receptionist(sydney) -> User:
    return _member(sydney, "staff", "staff@clinic.test")


@pytest.fixture
def reader(sydney) -> User:
    return _member(sydney, "readonly", "readonly@clinic.test")


@pytest.fixture
def stranger(melbourne) -> User:
    return _member(melbourne, "manager", "stranger@clinic.test")


@pytest.fixture
def queries(db) -> Callable[[Callable[[], object]], int]:
    """How many queries a call costs."""

    def count(call: Callable[[], object]) -> int:
        with CaptureQueriesContext(connection) as captured:
            call()
        return len(captured)

    return count
