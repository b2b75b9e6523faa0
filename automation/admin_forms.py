"""Forms of the rule pages."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from automation.models import Rule, SavedSegment


class PrettyJSONField(forms.JSONField):
    """JSON as people can read and edit it."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


class RuleForm(forms.ModelForm):
    """A rule as staff write it; the service checks it and names the path of what is wrong."""

    conditions = PrettyJSONField(
        required=False, initial=dict, widget=UnfoldAdminTextareaWidget(attrs={"rows": 8, "class": "font-mono"}),
        help_text='When it runs: {"warmness_score": {"gte": 70}}. Empty braces: always.',
    )  # fmt: skip
    actions = PrettyJSONField(
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 24, "class": "font-mono"}),
        help_text="What it does, in order. Each action may have conditions and delay_seconds of its own.",
    )

    class Meta:
        model = Rule
        fields = ("location", "key", "name", "trigger", "every", "anchor", "priority", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        current = self.instance.current if self.instance.pk else None
        if current is not None:
            self.initial.setdefault("conditions", current.conditions)
            self.initial.setdefault("actions", current.actions)

    def clean_conditions(self) -> dict[str, Any]:
        return self.cleaned_data["conditions"] or {}

    def _get_validation_exclusions(self) -> set[str]:
        # The service says what is missing, in words; the database's constraint would not.
        return {*super()._get_validation_exclusions(), "every", "anchor"}  # type: ignore[misc]


class SegmentForm(forms.ModelForm):
    """Who is in a segment, with the sentence and the count beneath the conditions while they are written."""

    conditions = PrettyJSONField(required=False, initial=dict)

    class Meta:
        model = SavedSegment
        fields = ("location", "name", "conditions")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "conditions" not in self.fields:
            return
        own = {"location": str(self.instance.location_id)} if self.instance.pk else {}
        self.fields["conditions"].widget = UnfoldAdminTextareaWidget(
            attrs={
                "rows": 10,
                "class": "font-mono",
                "hx-post": reverse("admin:automation_segment_count"),
                "hx-trigger": "load, keyup changed delay:500ms, change from:#id_location",
                "hx-target": "#segment-count",
                "hx-params": "conditions,location,csrfmiddlewaretoken",
                "hx-vals": json.dumps(own),
            }
        )
        self.fields["conditions"].help_text = format_html(
            "What is known of them, as in rules: {} Empty braces: everyone.{}",
            '{"current_stage": "recall_due", "has_future_booking": false}.',
            mark_safe('<div id="segment-count" aria-live="polite"></div>'),
        )

    def clean_conditions(self) -> dict[str, Any]:
        return self.cleaned_data["conditions"] or {}


class DryRunForm(BaseDialogForm):
    contact = forms.CharField(
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Name, phone or e-mail of a contact.",
    )
    event = forms.UUIDField(
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Or the id of an event, as its page shows it.",
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and bool(data.get("contact")) == bool(data.get("event")):
            self.add_error("contact", "Give either a contact or an event.")
        return data


class VersionForm(BaseDialogForm):
    number = forms.IntegerField(
        min_value=1, widget=UnfoldAdminIntegerFieldWidget(), help_text="The version to bring back."
    )
