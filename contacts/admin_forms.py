"""Forms of the contact pages."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from contacts.models import Contact
from contacts.vocabulary import Channel, Purpose


class ContactForm(forms.ModelForm):
    """What staff type of a contact. Phone and e-mail are taken in any spelling; the service reads them."""

    phone = forms.CharField(
        required=False, max_length=40, widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "tel"}),
        help_text="In any spelling. Leave empty for someone reached on another contact's phone.",
    )  # fmt: skip
    tags = forms.CharField(
        required=False, widget=UnfoldAdminTextInputWidget(), help_text="Separated by commas."
    )
    is_lead = forms.BooleanField(
        required=False, initial=True, label="New lead",
        help_text="Starts the lead rules: welcome text, first call, speed to lead.",
    )  # fmt: skip

    class Meta:
        model = Contact
        fields = (
            "location",
            "name",
            "phone",
            "email",
            "source",
            "intent",
            "is_existing_patient",
            "is_high_risk",
            "owner",
            "tags",
            "recall_due_date",
            "preferred_channel",
            "language",
            "notes",
        )
        widgets = {"notes": UnfoldAdminTextareaWidget()}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["tags"] = ", ".join(self.instance.tags)

    def clean_tags(self) -> list[str]:
        return sorted({tag.strip() for tag in self.cleaned_data["tags"].split(",") if tag.strip()})

    def clean_email(self) -> str:
        return (self.cleaned_data["email"] or "").lower()

    def _post_clean(self) -> None:
        # The service has the say on values and on who is here already; the model's constraints would only
        # repeat it in words that help nobody.
        return


class ConsentForm(BaseDialogForm):
    """Which messages: by channel and purpose."""

    channel = forms.ChoiceField(
        choices=[(c.value, c.label) for c in (Channel.SMS, Channel.EMAIL)], widget=UnfoldAdminSelectWidget()
    )
    purposes = forms.MultipleChoiceField(
        choices=Purpose.choices, initial=Purpose.values, widget=UnfoldAdminCheckboxSelectMultipleWidget()
    )
    wording = forms.CharField(
        label="What they said",
        required=False,
        max_length=1000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )
