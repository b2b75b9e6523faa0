from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import Location
from integrations.models import ProviderAccount
from tests.factories.integrations import make_console_account, make_wix_account
from tests.webhooks import wix_builder

SECRET = "a-secret-of-the-tests"
TOKEN = "console-token-of-the-tests"
WIX = "/webhooks/wix/bookings"


@pytest.fixture(autouse=True)
def _configured(settings: Any, tmp_path: Any) -> None:
    key = tmp_path / "wix.pub.pem"
    key.write_text(wix_builder.key_pair()[1])
    settings.WIX_PUBLIC_KEY_FILE = str(key)
    settings.WIX_WEBHOOK_SECRET = SECRET
    settings.SMS_WEBHOOK_TOKEN = TOKEN


@pytest.fixture
def sydney(db: None) -> Location:
    return Location.objects.create(name="Avatar Imaging Sydney", code="sydney")


@pytest.fixture
def melbourne(db: None) -> Location:
    return Location.objects.create(
        name="Avatar Imaging Melbourne", code="melbourne", time_zone="Australia/Melbourne"
    )


@pytest.fixture
def wix(sydney: Location) -> ProviderAccount:
    return make_wix_account(sydney)


@pytest.fixture
def console(sydney: Location) -> ProviderAccount:
    return make_console_account(sydney)


@pytest.fixture
def post_jwt(client: Any) -> Callable[..., Any]:
    """Post a token, as Wix does."""

    def post(body: bytes, *, path: str = WIX, content_type: str = "text/plain") -> Any:
        return client.generic("POST", path, body, content_type=content_type)

    return post


@pytest.fixture
def post_simple(client: Any) -> Callable[..., Any]:
    """Post our own JSON, signed unless told otherwise."""

    def post(body: bytes, *, path: str = WIX, signature: str | None = None) -> Any:
        signed = wix_builder.signature(body, SECRET) if signature is None else signature
        return client.generic(
            "POST", path, body, content_type="application/json", headers={"X-Wix-Webhook-Signature": signed}
        )

    return post
