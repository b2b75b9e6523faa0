"""A process killed while it applies a delivery: nothing half done, and done once by the next."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bookings.models import Booking
from core import clock
from core.models import Event, Work
from integrations.models import Receipt
from tests.webhooks.wix_builder import delivery

ROOT = Path(__file__).parents[2]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("wix")
def test_killed_between_applying_and_committing_the_delivery_is_applied_once_afterwards(
    post_jwt, run_work, subprocess_environment
):
    assert post_jwt(delivery("confirmed")).status_code == 200
    relay = [sys.executable, "manage.py", "relay", "--until-idle"]
    died = subprocess.run(
        relay,
        cwd=ROOT,
        env={**subprocess_environment, "CRASH_AT": "receipt.applied"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()[-2000:]
    assert (Receipt.objects.get().state, Booking.objects.count(), Event.objects.count()) == ("stored", 0, 0)
    Work.objects.filter(state="claimed").update(lease_until=clock.now())
    run_work()
    assert (Receipt.objects.get().state, Booking.objects.get().status) == ("applied", "scheduled")
    assert Event.objects.filter(type="booking_created").count() == 1
