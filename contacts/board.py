"""The pipeline board: people as cards, moved by mouse, by key or by a form, within the machine's rules."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts import access, desk_actions, desk_pages, live, pages, roles
from accounts.models import Location, User
from accounts.staff import colleagues
from contacts import board_rows, desk_kinds, pipeline, scoring
from contacts.board_rows import Wanted
from contacts.models import Contact
from contacts.pipeline import Place
from contacts.vocabulary import Intent, Source
from core.api_audit import note
from core.errors import DomainError

BOARD, COUNTS, MORE, MOVE = (
    "contacts_board", "contacts_board_counts", "contacts_board_more", "contacts_board_move",
)  # fmt: skip
UNKNOWN = ("unknown", "Not known yet")


def board(request: HttpRequest) -> HttpResponse:
    """One pipeline of one clinic. A search is posted, so that what was typed stands in no address."""
    user, wanted = _asked(request)
    rows = board_rows.narrowed(_contacts(user), wanted, user)
    columns = board_rows.columns(rows, wanted)
    note(request, [card.contact for column in columns for card in column.cards], personal=True)
    context = _context(request, user, wanted, columns=columns)
    return render(
        request, "contacts/_board_columns.html" if live.is_live(request) else "contacts/board.html", context
    )


def counts(request: HttpRequest) -> HttpResponse:
    """The heads of the columns alone, as the page asks for them from time to time."""
    user, wanted = _asked(request)
    rows = board_rows.narrowed(_contacts(user), wanted, user)
    columns = board_rows.columns(rows, wanted, cards=False)
    return render(request, "contacts/_board_heads.html", {"columns": columns})


def more(request: HttpRequest) -> HttpResponse:
    """The next cards of a column, where its end scrolls into view."""
    user, wanted = _asked(request)
    place = _place(wanted.pipeline, _given(request).get("stage", ""))
    rows = board_rows.narrowed(_contacts(user), wanted, user)
    cards, after = board_rows.next_cards(rows, place, after=_given(request).get("after", ""))
    note(request, [card.contact for card in cards], personal=True)
    context = _context(request, user, wanted, cards=cards, after=after, place=place)
    return render(request, "contacts/_board_cards.html", context)


@require_POST
def move(request: HttpRequest, contact_id: str) -> HttpResponse:
    """Move one card. Answered with the heads and the card where it stands now, or why it may not go there."""
    user = cast(User, request.user)
    contact = access.get_visible_or_404(_contacts(user).select_related("location"), user, contact_id)
    note(request, [contact], fields=["current_stage"], personal=True)
    back = f"{reverse(f'admin:{BOARD}')}?pipeline={contact.current_pipeline}&location={contact.location.code}"
    try:
        target = pipeline.read(request.POST.get("target", ""))
        action = desk_actions.do_one(
            desk_kinds.MOVE_STAGE, location=contact.location, user=user, item=contact.pk,
            parameters=target._asdict(), reason=request.POST.get("reason", "").strip()[:500],
        )  # fmt: skip
    except DomainError as refusal:
        return live.refused(request, refusal, back=back)
    text = desk_pages.unless_already(f"{contact} is now in {pipeline.label(target)}.", action)
    if not live.is_live(request):
        messages.success(request, text)
        return HttpResponseRedirect(back)
    return live.said(_moved(request, user, contact.pk, target), text, undo=desk_pages.undo_address(action))


def _moved(request: HttpRequest, user: User, pk: int, target: Place) -> HttpResponse:
    """What changed on the board: the heads, and the card where it stands now."""
    _, wanted = _asked(request)
    rows = board_rows.narrowed(_contacts(user), wanted, user)
    shown = board_rows.columns(rows, wanted, cards=False)
    cards = board_rows.as_cards([pk])
    context = _context(request, user, wanted, columns=shown, card=cards[0], place=target)
    return render(
        request, "contacts/_board_moved.html", {**context, "here": target.pipeline == wanted.pipeline}
    )


def _contacts(user: User) -> QuerySet[Contact]:
    return access.visible(Contact, user)


def _given(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else request.GET


def _asked(request: HttpRequest) -> tuple[User, Wanted]:
    """What is to be shown. An unknown filter is left out; a clinic that is not theirs is a 404."""
    user, given = cast(User, request.user), _given(request)
    access.check(user, roles.READ, "contacts")
    name = given.get("pipeline", pipeline.LEAD_TO_BOOKING)
    return user, Wanted(
        pipeline=name if name in pipeline.PIPELINES else pipeline.LEAD_TO_BOOKING,
        location=_location(request, user, given.get("location", "")),
        owner=_owner(given.get("owner", "")),
        source=given.get("source", "") if given.get("source") in Source.values else "",
        intent=given.get("intent", "") if given.get("intent") in (*Intent.values, UNKNOWN[0]) else "",
        band=given.get("band", "") if given.get("band") in scoring.BANDS else "",
        stale="stale" in given,
        more=tuple(name for name, _ in board_rows.narrowers.items() if name in given),
        text=request.POST.get("q", "").strip()[:200],
    )


def _location(request: HttpRequest, user: User, code: str) -> Location:
    if code:
        found = [place for place in access.places(user) if place.code == code]
        if not found:
            raise Http404("There is no such clinic.")
        return found[0]
    here: Location | None = getattr(request, "location", None)
    return here or access.location_for(user)


def _owner(value: str) -> str:
    if value in ("", "me", "nobody"):
        return value
    try:
        return str(UUID(value))
    except ValueError:
        return ""


def _place(name: str, stage: str) -> Place:
    if stage not in pipeline.PIPELINES[name]:
        raise Http404("There is no such stage.")
    return Place(name, stage)


def _context(request: HttpRequest, user: User, wanted: Wanted, **more: Any) -> dict[str, Any]:
    may = access.allowed(user, roles.UPDATE, "contacts", wanted.location)
    ours = {"wanted": wanted, "may": may, "location": wanted.location, **more}
    if live.is_live(request):
        return ours
    return pages.context(
        request, title="Pipeline board", **ours,
        pipelines=list(pipeline.PIPELINE_LABELS.items()), clinics=access.places(user),
        people=list(colleagues(request).order_by("name")[:200]), sources=Source.choices,
        intents=[*Intent.choices, UNKNOWN], bands=[(band, band.title()) for band in scoring.BANDS],
        narrowers=[(name, label, name in wanted.more) for name, (label, _) in board_rows.narrowers.items()],
        stale_days=board_rows.STALE_AFTER.days,
    )  # fmt: skip


def connect() -> None:
    """Join the staff's pages."""
    pages.extra.register(BOARD, pages.Page("board/", board))
    pages.extra.register(COUNTS, pages.Page("board/counts/", counts))
    pages.extra.register(MORE, pages.Page("board/more/", more))
    pages.extra.register(MOVE, pages.Page("board/<uuid:contact_id>/move/", move))
