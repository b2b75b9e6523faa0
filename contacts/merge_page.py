"""The page “Merge”: who may be the same person, what would become of the two, and the answer."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts import access, pages, roles
from accounts.models import User
from accounts.staff import cause_of
from accounts.staff_links import change_url
from contacts import duplicates, merging, pipeline, selectors, services, stages
from contacts.models import Contact
from core.api_audit import note
from core.errors import DomainError

FOUND = 20

_LABELS = {
    "name": "Name", "phone": "Phone", "email": "E-mail", "intent": "Wants", "source": "Came from", "stage": "Stage",
    "owner": "Looked after by", "tags": "Tags", "recall_due_date": "Recall due",
    "is_existing_patient": "Existing patient", "is_high_risk": "High risk", "language": "Language",
    "preferred_channel": "Preferred channel", "notes": "Notes",
}  # fmt: skip


def merge(request: HttpRequest, contact: Contact) -> HttpResponse:
    """Look for the other one, compare the two, and merge them or say that they are two people."""
    user = cast(User, request.user)
    access.check_on(user, roles.UPDATE, contact)
    here = access.visible(Contact.objects.live(), user, roles.UPDATE).filter(location=contact.location_id)
    others = here.exclude(pk=contact.pk).select_related("location", "guardian", "owner")
    wanted = request.POST.get("with") or request.GET.get("with")
    other = access.get_visible_or_404(others, user, wanted) if wanted else None
    if request.method == "POST" and other is not None:
        return _answered(request, contact, other)
    text = request.GET.get("q", "").strip()[:200]
    found = selectors.find(others, text, locations=[contact.location])[:FOUND] if text else []
    # Everybody is found through the gate, suspects too.
    suspected = others.filter(pk__in=[row.pk for row in duplicates.suspects(contact.pk)])
    shown = _compared(contact, other, keeps_other=request.GET.get("keep") == "other") if other else None
    note(request, [contact, *([other] if other else [])], personal=True)
    context = pages.context(
        request, title=f"Is {contact} here twice?", contact=contact, other=other, text=text, found=found,
        suspected=[] if other else suspected, shown=shown,
    )  # fmt: skip
    return render(request, "contacts/merge.html", context)


def _answered(request: HttpRequest, contact: Contact, other: Contact) -> HttpResponse:
    """Do what was decided. A refusal is told on the page it came from."""
    cause = cause_of(request)
    note(request, [contact, other], fields=["merged_into"], personal=True)
    keep, away = (other, contact) if request.POST.get("keep") == "other" else (contact, other)
    try:
        if "different" in request.POST:
            services.dismiss_duplicate(contact_id=contact.pk, other_id=other.pk, cause=cause)
            messages.success(request, "Kept apart. This pair will not be asked about again.")
            return HttpResponseRedirect(change_url(contact))
        services.merge_contacts(keep_id=keep.pk, away_id=away.pk, cause=cause)
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return HttpResponseRedirect(reverse("admin:contacts_contact_merge", args=(contact.public_id,)))
    messages.success(request, "Merged. Everything of both is here now.")
    return HttpResponseRedirect(change_url(keep))


def _compared(contact: Contact, other: Contact, *, keeps_other: bool) -> dict[str, Any]:
    keep, away = (other, contact) if keeps_other else (contact, other)
    after = merging.preview(keep, away)
    mine, theirs, left = _words(keep), _words(away), _words(after)
    rows = [
        {"label": label, "keep": mine[name], "away": theirs[name], "after": left[name],
         "differs": mine[name] != left[name]}
        for name, label in _LABELS.items()
        if mine[name] or theirs[name]
    ]  # fmt: skip
    return {
        "keep": keep,
        "away": away,
        "rows": rows,
        "counts": merging.counts(away),
        "keeps_other": keeps_other,
    }


def _words(contact: Contact) -> dict[str, str]:
    said = {
        name: str(getattr(contact, name) or "") for name in ("name", "email", "language", "notes", "owner")
    }
    guardian = contact.guardian if contact.guardian_id else None
    return said | {
        "phone": f"{guardian.phone} of {guardian}" if guardian else contact.phone,
        "intent": contact.get_intent_display() if contact.intent else "",
        "source": contact.get_source_display(),
        "stage": pipeline.label(stages.where(contact)),
        "tags": ", ".join(contact.tags),
        "recall_due_date": f"{contact.recall_due_date:%-d %b %Y}" if contact.recall_due_date else "",
        "is_existing_patient": "Yes" if contact.is_existing_patient else "",
        "is_high_risk": "Yes" if contact.is_high_risk else "",
        "preferred_channel": contact.get_preferred_channel_display() if contact.preferred_channel else "",
    }
