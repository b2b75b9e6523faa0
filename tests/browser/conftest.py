from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from tests.browser.brokers import OwnBroker, own_broker
from tests.browser.desk import Desk
from tests.webhooks import wix_builder


@pytest.fixture
def clinic(transactional_db: None, settings: Any, tmp_path: Path) -> None:
    """The demo clinics as `make run` seeds them, with a Wix key of this test's own."""
    public = tmp_path / "wix.pub.pem"
    public.write_text(wix_builder.key_pair()[1])
    settings.WIX_PUBLIC_KEY_FILE = str(public)
    call_command("seed", verbosity=0)


@pytest.fixture
def broker(transactional_db: None, tmp_path: Path) -> Iterator[OwnBroker]:
    """A broker that this test may stop."""
    with own_broker(tmp_path) as broker:
        yield broker


@pytest.fixture
def subprocess_environment(subprocess_environment: dict[str, str], broker: OwnBroker) -> dict[str, str]:
    """Child processes of these tests hear the broker that may be stopped."""
    return {**subprocess_environment, "REDIS_URL": broker.url}


@pytest.fixture
def desk(clinic: None, live_server: Any, page: Any, settings: Any) -> Callable[..., Desk]:
    """Sign in at the live server: `desk("staff")`; with `meanwhile=run_work`, work is done in this process."""

    def sign_in(who: str, *, meanwhile: Callable[[], object] | None = None) -> Desk:
        desk = Desk(page, live_server.url, meanwhile=meanwhile)
        desk.log_in(f"{who}@demo.test", settings.DEMO_PASSWORD)
        return desk

    return sign_in
