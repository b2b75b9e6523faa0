"""What can be done to visits chosen in the list: cancel them, for a day on which a clinic stays closed."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts import bulk_page
from bookings import desk_kinds


class CancelForm(forms.Form):
    """Why, in the staff's words."""

    reason = forms.CharField(
        label="Reason", required=False, max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="For the clinic only. It is never sent.",
    )  # fmt: skip

    def __init__(self, *args: Any, user: Any, locations: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


bulk_page.offers.register(desk_kinds.CANCEL, bulk_page.Offer("Cancel visits…", CancelForm))

ACTIONS = (bulk_page.chooser(desk_kinds.CANCEL),)
