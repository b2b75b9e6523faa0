"""Take the pictures of the documents, from a running demo (`make run`): `python scripts/pictures.py`.

    --base http://127.0.0.1:8000    where it runs
    --all var/pictures              every page of the desk in all four looks instead, to be looked at

The documents' pictures go to docs/images. People and times in them are the demo's.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import django

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "avatar_cms.settings.base")
# The browser keeps an event loop in this thread, which Django takes for asynchronous code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
django.setup()

from django.conf import settings  # noqa: E402
from django.db.models import Count  # noqa: E402

from accounts.models import DeskAction  # noqa: E402
from automation.models import Rule  # noqa: E402
from bookings.models import STANDING, Booking  # noqa: E402
from contacts.models import Contact  # noqa: E402
from core import clock  # noqa: E402
from messaging.models import Conversation, Template  # noqa: E402
from tasks.models import Task  # noqa: E402
from tests.browser import looks  # noqa: E402
from tests.harness import chromium  # noqa: E402

#: A window that is read well in a document.
DOCUMENT = looks.Look("document", 1200, 760, "light")
#: What the documents show: page and look.
DOCUMENTS = (
    ("today", DOCUMENT),
    ("contact", DOCUMENT),
    ("conversation", DOCUMENT),
    ("board", DOCUMENT),
    ("calendar-week", DOCUMENT),
    ("rule", DOCUMENT),
    ("template", DOCUMENT),
    ("phone-one", DOCUMENT),
    ("today", looks.PHONE_DARK),
)


def rows() -> dict[str, str]:
    """One good row of each kind: somebody with a visit ahead and many texts, of the clinic that people sign in to."""
    home = Contact.objects.live().filter(location__code="sydney")
    busy = home.filter(bookings__status__in=STANDING, bookings__appointment_datetime__gt=clock.now())
    busy = busy.annotate(texts=Count("messages", distinct=True))
    person = busy.order_by("-texts").first() or home.earliest("pk")
    talk = Conversation.objects.filter(contact=person).first() or Conversation.objects.earliest("pk")
    found: dict[str, Any] = {
        "contact": person,
        "conversation": talk,
        "booking": Booking.objects.filter(contact=person).first() or Booking.objects.earliest("pk"),
        "template": Template.objects.get(location__code="sydney", name="reminder_24hr", language="en"),
        "rule": Rule.objects.get(location__code="sydney", key="a1"),
        "task": Task.objects.filter(location__code="sydney", status__in=Task.OPEN).latest("pk"),
        "action": DeskAction.objects.filter(location__code="sydney").order_by("-total", "-pk").first(),
    }
    return {name: str(row.public_id) for name, row in found.items() if row is not None}


def sign_in(page: Any, base: str) -> None:
    page.goto(f"{base}/admin/login/")
    page.get_by_label("E-mail").fill("manager@demo.test")
    page.locator("input[name=password]").fill(settings.DEMO_PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_load_state()
    # The tour would lie over everything.
    page.evaluate("localStorage.setItem('avatar-tour', 'done')")


def take(page: Any, base: str, name: str, look: looks.Look, file: Path, known: dict[str, str]) -> None:
    look.put_on(page)
    page.goto(base + looks.PAGES[name].format(**known))
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(400)
    file.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(file))
    print(f"{file}: {name}, {look.name}, {looks.overflow(page)} px too wide")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", default="http://127.0.0.1:8000")
    parser.add_argument("--all", type=Path)
    given = parser.parse_args()
    known = rows()
    with chromium.launched() as browser, chromium.fresh_page(browser) as page:
        sign_in(page, given.base)
        if given.all:
            for name in looks.PAGES:
                if "{action}" in looks.PAGES[name] and "action" not in known:
                    continue  # Nothing was done in this demo yet.
                for look in looks.LOOKS:
                    take(page, given.base, name, look, given.all / f"{name}-{look.name}.png", known)
            return
        for name, look in DOCUMENTS:
            suffix = "" if look is DOCUMENT else f"-{look.name}"
            take(page, given.base, name, look, CHECKOUT / "docs" / "images" / f"{name}{suffix}.png", known)


if __name__ == "__main__":
    main()
