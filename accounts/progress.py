"""One bar for all long work: `templates/accounts/_progress.html` draws it, and asks for itself again each second.

A view answers `refreshed(request, Bar(…))` at the bar's own `address`. When the work has ended, the answer makes the
page load itself anew once, so that the result shows. “What was done” lists desk actions, and with them the long work
of other kinds that apps register with `long_work`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.models import User
from core.registry import Registry


@dataclass(frozen=True, slots=True)
class Bar:
    """How far long work is. `words` say it ("120 of 300 done, 4 not possible"); while `going`, the bar refreshes from
    `address`, and a button posts to `cancel` where that is given.
    """

    name: str
    done: int
    total: int
    going: bool
    words: str
    address: str = ""
    cancel: str = ""
    every: int = 1
    """Seconds between two looks."""

    @property
    def percent(self) -> int:
        return 100 if not self.total else min(100, self.done * 100 // self.total)


@dataclass(frozen=True, slots=True)
class Long:
    """Long work that is no desk action: what it is, where it is watched and stopped, how far it is. `at` is when it
    began, on its clinic's clock; `tone` is "on", "good" or "warn".
    """

    title: str
    address: str
    at: datetime
    where: str
    state: str
    tone: str
    bar: Bar


#: What goes on, or has ended lately, at a person's clinics: name -> a function of the person; few rows each.
long_work: Registry[Callable[[User], Sequence[Long]]] = Registry("long work")


def refreshed(request: HttpRequest, bar: Bar) -> HttpResponse:
    """The bar alone, for htmx; once the work has ended, the whole page is asked for."""
    response = render(request, "accounts/_progress.html", {"bar": bar})
    if not bar.going:
        response["HX-Refresh"] = "true"
    return response
