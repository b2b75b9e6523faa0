"""What can be done to tasks chosen in the list or on Today: complete, snooze, give, cancel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts import bulk_page
from accounts.bulk_forms import ColleagueForm
from accounts.bulk_page import Offer
from accounts.models import Location
from core import clock
from tasks import desk_kinds, snoozing
from tasks.models import Task


class _Form(forms.Form):
    def __init__(self, *args: Any, user: Any, locations: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


class CompleteForm(_Form):
    """How it ended."""

    outcome = forms.ChoiceField(
        label="Outcome",
        choices=[one for one in Task.Outcome.choices if one[0]],
        widget=UnfoldAdminSelectWidget(),
    )
    reason = forms.CharField(
        label="Note", required=False, max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )


class SnoozeForm(_Form):
    """Until when, on each clinic's clock."""

    until = forms.ChoiceField(
        label="Until", choices=list(snoozing.PRESETS.items()), widget=UnfoldAdminSelectWidget(),
        error_messages={"invalid_choice": f"Put it off until one of: {', '.join(snoozing.PRESETS)}."},
    )  # fmt: skip


class GiveForm(ColleagueForm):
    """To whom."""

    resource = "tasks"


class CancelForm(_Form):
    """Why."""

    reason = forms.CharField(label="Reason", max_length=120, widget=UnfoldAdminTextInputWidget())


def _outcome(cleaned: Mapping[str, Any], location: Location) -> dict[str, Any]:
    return {"outcome": cleaned["outcome"]}


def _until(cleaned: Mapping[str, Any], location: Location) -> dict[str, Any]:
    return {"until": snoozing.until(cleaned["until"], now=clock.now(), zone=location.zone).isoformat()}


def _whom(cleaned: Mapping[str, Any], location: Location) -> dict[str, Any]:
    to = cleaned["to"]
    return {"to": to.pk if to else None, "name": str(to) if to else "nobody"}


bulk_page.offers.register(desk_kinds.COMPLETE, Offer("Complete…", CompleteForm, _outcome))
bulk_page.offers.register(desk_kinds.SNOOZE, Offer("Snooze…", SnoozeForm, _until))
bulk_page.offers.register(desk_kinds.ASSIGN, Offer("Give to a colleague…", GiveForm, _whom))
bulk_page.offers.register(desk_kinds.CANCEL, Offer("Cancel tasks…", CancelForm))

ACTIONS = tuple(
    bulk_page.chooser(kind)
    for kind in (desk_kinds.COMPLETE, desk_kinds.SNOOZE, desk_kinds.ASSIGN, desk_kinds.CANCEL)
)
