"""One visit in the calendar: what it is, moving it, cancelling it, and what became of it. What an act would send is
shown before it is confirmed.
"""

from __future__ import annotations

from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import access, desk_actions, desk_pages, roles
from accounts.models import DeskAction, User
from accounts.moves import refusal_text
from accounts.staff_parts import cause_of
from bookings import calendar_parts, calendar_rows, calendar_slot, desk_kinds, overlap, previews, services
from bookings.calendar_slot import Look, SlotForm
from bookings.models import Booking, Source
from core import clock
from core.api_audit import note
from core.errors import DomainError

_SHOWN = ("location", "contact", "contact__guardian", "service", "practitioner", "room")


def _found(request: HttpRequest, public_id: object, action: str = roles.UPDATE) -> Booking:
    visits = Booking.objects.select_related(*_SHOWN)
    row = access.get_visible_or_404(visits, cast(User, request.user), public_id, action)
    note(request, [row], personal=True)
    return row


def _about(request: HttpRequest, row: Booking) -> dict[str, Any]:
    """What every dialog of a visit says."""
    return {
        "row": calendar_rows.rows_of([row], cast(User, request.user), clock.now())[0],
        "visit": row,
        "location": row.location,
        "price": "" if row.price_cents is None else f"{row.price_cents / 100:.2f}",
        "from_provider": row.source == Source.WIX,
    }


@require_GET
def visit(request: HttpRequest, public_id: str) -> HttpResponse:
    """What it is, and what can be done with it."""
    return _opened(request, _found(request, public_id, roles.READ))


def _opened(request: HttpRequest, row: Booking, *, ask: str = "") -> HttpResponse:
    """The visit; `ask` is an outcome that wants a second look, because the visit has not begun."""
    context = _about(request, row)
    clash = overlap.clash_of(row) if context["row"].clashes else None
    seen = (
        clash is not None and access.visible(Booking, cast(User, request.user)).filter(pk=clash.pk).exists()
    )
    outcome = dict(Booking.Outcome.choices).get(ask, "")
    context |= {"clash": clash if seen else None, "ask": ask, "ask_words": str(outcome).lower()}
    return calendar_parts.show(
        request, "bookings/_calendar_visit.html", context, title=row.contact.name or "Unnamed"
    )


# -- moving


@require_http_methods(["GET", "POST"])
def move(request: HttpRequest, public_id: str) -> HttpResponse:
    """Another time, length, practitioner or room: shown with what it sends, and done when confirmed."""
    row = _found(request, public_id)
    given = request.POST if request.method == "POST" else request.GET
    form = SlotForm(row.location, calendar_slot.with_slot(given, _slot_of(row)), visit=row)
    answer = Look()
    valid = form.is_valid()
    slot = form.cleaned_data
    changed = valid and _differs(row, slot)
    if changed and request.POST.get("do") == "move":
        try:
            action = _do(request, row, desk_kinds.MOVE, desk_kinds.slot(_fields(slot)))
        except DomainError as error:
            calendar_slot.explain(answer, error, slot, row.location, service=row.service, visit=row)
        else:
            said = f"The visit is on {row.location.local(slot['at']):%a %-d %b at %H:%M}."
            return calendar_parts.done(request, said, undo=desk_pages.undo_address(action))
    elif changed:
        answer = calendar_slot.look(
            lambda: [services.change_booking(booking_id=row.pk, fields=_fields(slot), cause=cause_of(request))],
            slot, row.location, service=row.service, contact_id=row.contact_id, visit=row,
        )  # fmt: skip
    context = {**_about(request, row), "form": form, "look": answer, "changed": changed}
    return calendar_parts.show(
        request, "bookings/_calendar_move.html", context, title="Move the visit",
        refused=request.method == "POST" and (not valid or bool(answer.refusal)),
    )  # fmt: skip


def _slot_of(row: Booking) -> dict[str, Any]:
    at = row.location.local(row.appointment_datetime)
    return {
        "date": f"{at:%Y-%m-%d}",
        "time": f"{at:%H:%M}",
        "minutes": int(row.duration.total_seconds() // 60),
        "practitioner": str(row.practitioner.public_id) if row.practitioner else "",
        "room": str(row.room.public_id) if row.room else "",
    }


def _fields(slot: dict[str, Any]) -> dict[str, Any]:
    return {
        "appointment_datetime": slot["at"],
        "ends_at": slot["ends_at"],
        "practitioner": slot["practitioner"],
        "room": slot["room"],
    }


def _differs(row: Booking, slot: dict[str, Any]) -> bool:
    return any(getattr(row, name) != value for name, value in _fields(slot).items())


# -- cancelling


@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    """Why it falls through (for the clinic alone), with what cancelling sends; done when confirmed."""
    row = _found(request, public_id)
    reason = request.POST.get("reason", "").strip()[:500]
    cause = cause_of(request)
    answer = Look()
    try:
        if request.method == "POST":
            action = _do(request, row, desk_kinds.CANCEL, reason=reason)
            said = f"The visit of {row.contact.name or 'an unnamed person'} is cancelled."
            return calendar_parts.done(request, said, undo=desk_pages.undo_address(action))
        answer.foretold = previews.foretell(
            lambda: [services.cancel_booking(booking_id=row.pk, cause=cause)], contact_ids=[row.contact_id]
        )
    except DomainError as error:
        answer.refusal = refusal_text(error)
    context = {**_about(request, row), "look": answer, "reason": reason}
    refused = request.method == "POST"
    return calendar_parts.show(
        request, "bookings/_calendar_cancel.html", context, title="Cancel the visit", refused=refused
    )


# -- what became of it


@require_POST
def act(request: HttpRequest, public_id: str, move: str) -> HttpResponse:
    """One press: arrived, confirmed, an outcome or its taking back. An outcome of a visit that has not begun is asked
    about first.
    """
    if move not in desk_kinds.PRESSES:
        raise Http404("There is no such move.")
    row = _found(request, public_id)
    early = move in ("attended", "no_show") and row.appointment_datetime > clock.now()
    if early and not request.POST.get("sure"):
        return _opened(request, row, ask=move)
    try:
        action, said = desk_kinds.press(row, move, cast(User, request.user))
    except DomainError as error:
        return calendar_parts.done(request, refusal_text(error), bad=True)
    return calendar_parts.done(request, said, undo=desk_pages.undo_address(action))


def _do(
    request: HttpRequest,
    row: Booking,
    kind: str,
    parameters: dict[str, Any] | None = None,
    *,
    reason: str = "",
) -> DeskAction:
    """Do it so that it can be undone. Raises what refuses it."""
    user = cast(User, request.user)
    return desk_actions.do_one(
        kind, location=row.location, user=user, item=row.pk, parameters=parameters, reason=reason
    )
