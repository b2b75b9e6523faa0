"""Two demo clinics with their people, for the tests of any app: import these fixtures in its conftest.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from rest_framework.test import APIClient

from accounts import guard, seeds
from accounts.models import Location, Membership, User

PASSWORD = "a-long-enough-Passphrase-1"


@pytest.fixture(autouse=True)
def no_counts_from_other_tests(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(guard, "_local", guard._LocalCounts())
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def staff(db: None, settings: Any) -> dict[str, User]:
    """The four demo users by role."""
    settings.DEMO_PASSWORD = PASSWORD
    seeds.seed(demo=True)
    return {user.email.split("@")[0]: user for user in User.objects.all()}


@pytest.fixture
def sydney(staff: dict[str, User]) -> Location:
    return Location.objects.get(code="sydney")


@pytest.fixture
def melbourne(staff: dict[str, User]) -> Location:
    return Location.objects.get(code="melbourne")


@pytest.fixture
def outsider(melbourne: Location) -> User:
    """A manager of Melbourne only."""
    user = User.objects.create_user(
        "mel@demo.test", PASSWORD, name="Mel Melbourne", default_location=melbourne
    )
    Membership.objects.create(user=user, location=melbourne, role="manager")
    return user


@pytest.fixture
def pages(staff: dict[str, User]) -> Any:
    """A browser logged in as the user with this name before the @."""

    def log_in(who: str | User) -> Client:
        client = Client()
        client.force_login(staff[who] if isinstance(who, str) else who)
        return client

    return log_in


@pytest.fixture
def api(staff: dict[str, User]) -> Any:
    """An API client signed in through the front door."""

    def sign_in(who: str) -> APIClient:
        client = APIClient()
        answer = client.post(
            "/api/auth/token", {"email": f"{who}@demo.test", "password": PASSWORD}, format="json"
        )
        assert answer.status_code == 200, answer.content
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access']}")
        return client

    return sign_in
