"""Whether the demo clinics have their history, and how far it got: a mark in the settings of the first of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from accounts.models import Location
from avatar_cms.demo.world import DESKS
from contacts.models import Contact
from core import clock
from core.models import Heartbeat
from integrations.models import Provider, SenderIdentity

KEY = "demo_history"
AWAKE = timedelta(seconds=45)


class Refused(Exception):
    """The history may not be made here; the text says why and what to do."""


@dataclass
class History:
    """The story's seed, the moment it leads up to, and how many of its steps have happened."""

    seed: int
    until: datetime
    done: int = 0
    ended: bool = False

    @classmethod
    def found(cls) -> History | None:
        """The history that was begun here, None when there is none."""
        mark = _home().settings.get(KEY)
        if mark is None:
            return None
        return cls(mark["seed"], datetime.fromisoformat(mark["until"]), mark["done"], mark["ended"])

    def reached(self, done: int) -> None:
        """So many steps have happened; a history that breaks off goes on from here."""
        self.done = done
        self._save()

    def end(self) -> None:
        self.ended = True
        self._save()

    def _save(self) -> None:
        home = _home()
        mark: dict[str, Any] = {
            "seed": self.seed, "until": self.until.isoformat(), "done": self.done, "ended": self.ended,
        }  # fmt: skip
        Location.objects.filter(pk=home.pk).update(settings={**home.settings, KEY: mark})


def wanted(*, seed: int, until: datetime | None = None) -> History | None:
    """The history to make or to go on with; None when there is nothing to do, because people are here already.

    Raises Refused where it must not be made.
    """
    _check_place()
    history = History.found()
    if history is not None and history.ended:
        return None
    if history is None and Contact.objects.filter(location__code__in=DESKS).exists():
        return None
    _check_quiet()
    return history or History(seed, until or clock.now().replace(microsecond=0))


def _check_place() -> None:
    if settings.ENVIRONMENT_NAME == "production":
        raise Refused("This is a production system (ENVIRONMENT_NAME): no demo history is made here.")
    if Location.objects.filter(code__in=DESKS).count() < len(DESKS):
        raise Refused("The demo clinics are not here yet. Run `manage.py seed` first.")
    outward = SenderIdentity.objects.filter(location__code__in=DESKS, account__enabled=True)
    if outward.exclude(account__provider=Provider.CONSOLE).exists():
        raise Refused("A demo clinic sends texts through a real provider: no demo history is made there.")


def _check_quiet() -> None:
    """A worker would do today what the story means for last month."""
    alive = Heartbeat.objects.filter(name__in=("worker", "beat"), at__gte=clock.now() - AWAKE)
    if alive.exists():
        raise Refused("A worker is running on this database. Stop it (`make run`: Ctrl-C), then try again.")


def _home() -> Location:
    return Location.objects.get(code=next(iter(DESKS)))
