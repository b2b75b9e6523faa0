"""Staff pages that are no model's list or form: apps register them, the admin site shows them.

pages.home.register("home", views.today)                       # the admin's start page
pages.extra.register("messaging_phone", pages.Page("phone/", views.phone))   # admin:messaging_phone
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString

from core.errors import DomainError, NotAllowed, NotFound
from core.registry import Registry

StaffView = Callable[..., HttpResponse]


@dataclass(frozen=True, slots=True)
class Page:
    """A view under /admin/ for signed-in staff; it asks the gate itself. `route` is a Django path."""

    route: str
    view: StaffView


home: Registry[StaffView] = Registry("admin home page")
extra: Registry[Page] = Registry("staff page")


def refusing(view: StaffView) -> StaffView:
    """The view with a service's or the gate's refusal turned into an answer: 403, 404, or a message on the start
    page. A page that can say more where the person is catches the refusal itself.
    """

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except NotAllowed as refusal:
            raise PermissionDenied(refusal.message) from refusal
        except NotFound as refusal:
            raise Http404(refusal.message) from refusal
        except DomainError as refusal:
            messages.error(request, refusal.message)
            return HttpResponseRedirect(reverse("admin:index"))

    return answer


_ANY = UUID(int=0)


def address(name: str, public_id: UUID, *more: str) -> SafeString:
    """The address of a staff page about one row. Lists ask for hundreds: each pattern is worked out once, and there is
    nothing to escape in it.
    """
    return SafeString(_pattern(name, *more).replace(str(_ANY), str(public_id)))


@cache
def _pattern(name: str, *more: str) -> str:
    return reverse(f"admin:{name}", args=(_ANY, *more))


def context(request: HttpRequest, **more: Any) -> dict[str, Any]:
    """What every staff page's template needs to draw the theme around it."""
    from django.contrib import admin

    return {**admin.site.each_context(request), **more}
