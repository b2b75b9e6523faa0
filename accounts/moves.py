"""Buttons in the admin that move something: confirm a booking, complete a task, retry work.

A button asks first (a small dialog, with a form when the move needs words), posts, calls one service, and
shows a refusal as a message. It appears only to those who may, and where `when` says it makes sense.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm

from accounts import access, roles
from core.api_audit import note
from core.causes import Cause
from core.errors import DomainError

#: What a move calls: the row, the dialog's cleaned data, the cause. A returned string is the message shown; a
#: returned function is given the request and says it, for words that need the site's own address.
MoveService = Callable[[Any, dict[str, Any], Cause], object]


def move_button(
    label: str,
    service: MoveService,
    *,
    name: str,
    done: str = "",
    gate: str = roles.UPDATE,
    form: type[BaseDialogForm] | None = None,
    question: str = "",
    icon: str | None = None,
    variant: ActionVariant = ActionVariant.DEFAULT,
    when: Callable[[Any], bool] | None = None,
) -> Any:
    """An admin method for `actions_detail` and `actions_row`; `name` must be the attribute it is assigned to.

        cancel = move_button("Cancel visit", lambda row, data, cause: services.cancel_booking(
            booking_id=row.pk, reason=data["reason"], cause=cause), name="cancel", form=ReasonForm,
            when=lambda row: row.status in LIVE)
        actions_detail = ("cancel",)

    `done` is the message after success; `gate` the action the gate is asked for on the row.
    """

    def move(self: Any, request: HttpRequest, dialog: BaseDialogForm, object_id: str) -> HttpResponse:
        row = _row(self, request, object_id)
        data = {key: value for key, value in dialog.cleaned_data.items() if not key.startswith("_")}
        note(request, [row], fields=data)
        try:
            said = service(row, data, Cause.user(str(request.user.pk)))
        except DomainError as error:
            messages.error(request, refusal_text(error))
        else:
            said = said(request) if callable(said) else said
            messages.success(request, said if isinstance(said, str) else done or f"{label}: done.")
        return _back(self, request, row)

    move.__name__ = name
    button = action(
        description=label,
        url_path=name.replace("_", "-"),
        icon=icon,
        variant=variant,
        dialog={
            "title": label,
            "description": question,
            "form_class": form or BaseDialogForm,
            "form_submit_text": label,
        },
    )(move)

    def guarded(self: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        # The row is looked up before the dialog is drawn: another location's row has no dialog either.
        row = _row(self, request, kwargs["object_id"])
        if not access.allowed_on(request.user, gate, row):
            raise PermissionDenied("Your account may not do this.")
        response: HttpResponse = button(self, request, *args, **kwargs)
        return response

    guarded.__dict__.update(button.__dict__)
    guarded.__name__ = name
    guarded.move_gate = gate  # type: ignore[attr-defined]
    guarded.move_when = when  # type: ignore[attr-defined]
    return guarded


def refusal_text(error: DomainError) -> str:
    """The message of a refusal with what its fields add."""
    details = [f"{name}: {' '.join(wrong)}" for name, wrong in error.fields.items()]
    return " ".join([error.message, *details])


def _row(model_admin: Any, request: HttpRequest, object_id: str) -> models.Model:
    row: models.Model | None = model_admin.get_object(request, object_id)
    if row is None:
        raise Http404("There is no such row.")
    return row


def _back(model_admin: Any, request: HttpRequest, row: Any) -> HttpResponse:
    url = request.GET.get("next", "")
    if not url.startswith("/admin/"):
        opts = row._meta
        key = getattr(row, "public_id", row.pk)
        url = reverse(f"{model_admin.admin_site.name}:{opts.app_label}_{opts.model_name}_change", args=(key,))
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
