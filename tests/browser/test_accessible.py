"""Every page of the desk in each look: axe-core finds nothing serious, and nothing scrolls sideways."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from accounts import desk_actions
from accounts.models import DeskAction, Location, User
from automation.models import Rule
from bookings.models import Booking
from contacts import desk_kinds
from contacts.models import Contact
from core import clock
from messaging.models import Conversation, Template
from tasks.models import Task
from tests.browser import looks
from tests.browser.desk import Desk, post_wix
from tests.harness.tiers import tiers
from tests.webhooks.wix_builder import WixBooking


@pytest.fixture
def furnished(clinic: None, live_server: Any, run_work: Callable[[], int]) -> None:
    """Patients with visits, tasks, texts, rules that ran, and an act on all of them."""
    for n in range(3):
        visit = WixBooking(
            id=str(uuid.UUID(int=n + 1)), first_name=f"Nora{n}", last_name="Lind", phone=f"+6149157{1000 + n}",
            contact_id=str(uuid.UUID(int=n + 100)), start=clock.now() + timedelta(hours=30 + n),
            email=f"n{n}@example.com",
        )  # fmt: skip
        assert post_wix(live_server.url, "created", visit, sequence=1, status="CONFIRMED") == 200
    run_work()
    desk_actions.start(
        desk_kinds.ASSIGN_OWNER, location=Location.objects.get(code="sydney"),
        user=User.objects.get(email="staff@demo.test"), items=Contact.objects.values_list("pk", flat=True),
        parameters={"owner": None}, reason="Everybody's",
    )  # fmt: skip


def _address(pattern: str) -> str:
    models = {
        "contact": Contact, "booking": Booking, "conversation": Conversation, "template": Template, "rule": Rule,
        "task": Task, "action": DeskAction,
    }  # fmt: skip
    for name, model in models.items():
        if f"{{{name}}}" in pattern:
            pattern = pattern.replace(f"{{{name}}}", str(model.objects.earliest("pk").public_id))  # type: ignore[attr-defined]
    return pattern


SEEN = [("staff", look) for look in looks.LOOKS] + [
    ("readonly", look) for look in (looks.DESKTOP, looks.PHONE_DARK)
]


@pytest.mark.browser
@pytest.mark.parametrize(
    "seen",
    tiers(SEEN, slow=[("staff", looks.PHONE_DARK), ("readonly", looks.DESKTOP)]),
    ids=lambda seen: f"{seen[0]}-{seen[1].name}",
)
def test_nothing_serious_stands_in_anybodys_way(
    furnished: None, desk: Callable[..., Desk], seen: tuple[str, looks.Look]
) -> None:
    who, look = seen
    one = desk(who)
    look.put_on(one.page)
    found: dict[str, list[str]] = {}
    for name, pattern in looks.PAGES.items():
        one.open(_address(pattern))
        one.page.wait_for_load_state("networkidle")
        wrong = looks.grave(one.page)
        if looks.overflow(one.page) > 0:
            wrong.append(f"scrolls sideways by {looks.overflow(one.page)} px")
        if wrong:
            found[f"{name}, {look.name}"] = wrong
    assert not found, "\n".join(f"{where}: {line}" for where, lines in found.items() for line in lines)


@pytest.mark.slow
@pytest.mark.browser
def test_the_judge_sees_what_is_wrong(desk: Callable[..., Desk]) -> None:
    page = desk("staff").page
    page.evaluate(
        "document.querySelector('#content').innerHTML = '<input><p style=\"color:#eee;background:#fff\">pale</p>'"
    )
    assert {line.split(" ")[0] for line in looks.grave(page)} >= {"label", "color-contrast"}
