"""What can be done to people chosen in the list: move them to a stage, give them to a colleague."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from accounts import bulk_page
from accounts.bulk_forms import ColleagueForm
from accounts.models import Location, User
from contacts import desk_kinds, pipeline


class StageForm(forms.Form):
    """Where to, and why."""

    target = forms.ChoiceField(label="Move to", widget=UnfoldAdminSelectWidget())
    reason = forms.CharField(
        label="Reason", required=False, max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Needed for “Lost” and “Dormant”.",
    )  # fmt: skip

    def __init__(self, *args: Any, user: User, locations: Sequence[Location], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        target: Any = self.fields["target"]
        target.choices = [(str(place), pipeline.label(place)) for place in pipeline.STAGE_LABELS]


class OwnerForm(ColleagueForm):
    """To whom."""

    resource = "contacts"


bulk_page.offers.register(
    desk_kinds.MOVE_STAGE,
    bulk_page.Offer(
        "Move to a stage…",
        StageForm,
        parameters=lambda cleaned, place: pipeline.read(cleaned["target"])._asdict(),
    ),
)
bulk_page.offers.register(
    desk_kinds.ASSIGN_OWNER,
    bulk_page.Offer(
        "Give to a colleague…",
        OwnerForm,
        parameters=lambda cleaned, place: {"owner": cleaned["to"].pk if cleaned["to"] else None},
    ),
)

ACTIONS = (bulk_page.chooser(desk_kinds.MOVE_STAGE), bulk_page.chooser(desk_kinds.ASSIGN_OWNER))
