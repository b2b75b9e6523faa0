"""The page “Undo a merge”: what was merged into a contact, what would go back, and what came since."""

from __future__ import annotations

from typing import cast

from django.apps import apps
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts import access, pages, roles
from accounts.models import User
from accounts.staff import cause_of
from accounts.staff_links import change_url
from contacts import merging, services, unmerging
from contacts.merge_models import ContactMerge
from contacts.models import Contact
from core.api_audit import note
from core.errors import DomainError


def unmerge(request: HttpRequest, contact: Contact) -> HttpResponse:
    """Show the merges into this contact, and undo the last one."""
    user = cast(User, request.user)
    access.check_on(user, roles.UPDATE, contact)
    merges = unmerging.standing(contact)
    note(request, [contact, *(merge.away for merge in merges)], personal=True)
    if request.method == "POST":
        return _undo(request, contact, merges)
    shown = [{"merge": merge, "moved": _counted(_moved(merge))} for merge in merges]
    since = dict(unmerging.made_since(merges[0])) if merges else {}
    context = pages.context(
        request, title=f"Undo a merge of {contact}", contact=contact, location=contact.location, merges=shown,
        stays=_counted({label: len(ids) for label, ids in since.items()}),
    )  # fmt: skip
    return render(request, "contacts/unmerge.html", context)


def _undo(request: HttpRequest, contact: Contact, merges: list[ContactMerge]) -> HttpResponse:
    """Undo the merge of the contact that was named. A refusal is told on the page it came from."""
    wanted = request.POST.get("contact", "")
    away = access.get_visible_or_404(
        Contact.objects.filter(pk__in=[merge.away_id for merge in merges]), cast(User, request.user), wanted
    )
    try:
        undone = services.unmerge_contact(contact_id=away.pk, cause=cause_of(request))
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return HttpResponseRedirect(reverse("admin:contacts_contact_unmerge", args=(contact.public_id,)))
    messages.success(request, f"{undone.contact} is a separate contact again.")
    stayed = _counted({label: len(ids) for label, ids in undone.stayed.items()})
    if stayed:
        listed = ", ".join(f"{count} {words}" for words, count in stayed)
        messages.info(request, f"Came since the merge, and stayed with {undone.survivor}: {listed}.")
    if undone.kept:
        listed = ", ".join(_words(name) for name in undone.kept)
        messages.warning(
            request, f"Changed since the merge, and left as it is: {listed}. Please look at both."
        )
    return HttpResponseRedirect(change_url(away))


def _moved(merge: ContactMerge) -> dict[str, int]:
    return {
        label: len(ids) for label, column, _, _, ids in merge.moves if column in ("contact_id", "guardian_id")
    }


def _counted(counts: dict[str, int]) -> list[tuple[str, int]]:
    """How many rows of each kind, in the words of staff."""
    return [(merging.in_words(apps.get_model(label), count), count) for label, count in counts.items()]


def _words(name: str) -> str:
    if "." in name:
        return str(apps.get_model(name)._meta.verbose_name_plural)
    known = {"stage": "stage", "phone_of_other": "the phone, which somebody else has now"}
    field = name.removesuffix("_id")
    return known.get(name) or str(Contact._meta.get_field(field).verbose_name)  # type: ignore[union-attr]
