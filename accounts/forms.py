"""Forms of the admin for staff: log-in, accounts, passwords."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm, BaseDialogForm
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts import guard
from accounts.models import User


class StaffLoginForm(AuthenticationForm):
    """E-mail and password; says so when the account has to wait."""

    def clean(self) -> dict[str, Any]:
        waiting: guard.TooManyAttempts | None = getattr(self.request, "too_many_attempts", None)
        if waiting is not None:
            minutes = max(1, round(waiting.retry_after / 60))
            raise ValidationError(
                f"Too many failed log-ins. Try again in about {minutes} min.", code="too_many"
            )
        return dict(super().clean() or {})


class NewPasswordForm(BaseDialogForm):
    """The dialog in which an admin gives someone a new password."""

    password = forms.CharField(
        label="New password",
        max_length=1024,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )


class UserForm(forms.ModelForm):
    """An account, with a first password when it is new."""

    skills = forms.CharField(
        required=False,
        max_length=400,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "recall, spanish"}),
        help_text="Words that tasks are matched by, separated by commas.",
    )
    first_password = forms.CharField(
        label="Password",
        max_length=1024,
        strip=False,
        required=False,
        widget=UnfoldAdminPasswordWidget(),
        help_text="Leave empty to set it later; the account cannot log in until then.",
    )

    class Meta:
        model = User
        fields = ("email", "name", "skills", "is_active", "default_location")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(held := self.initial.get("skills"), list):
            self.initial["skills"] = ", ".join(map(str, held))

    def clean_skills(self) -> list[str]:
        return [word for part in self.cleaned_data["skills"].split(",") if (word := part.strip())]


class ApiTokenForm(BaseDialogForm):
    """What a new machine token is for and may do."""

    name = forms.CharField(label="What will use it", max_length=80)
    scopes = forms.CharField(
        label="Scopes",
        initial="contacts:read bookings:read",
        help_text="Separated by spaces, e.g. contacts:read tasks:*",
    )


class LeavingForm(BaseDialogForm):
    """Who takes over from somebody who leaves."""

    hand_over_to = forms.ModelChoiceField(
        queryset=User.objects.filter(is_active=True),
        required=False,
        empty_label="Each clinic's task assignment, or nobody yet",
        widget=UnfoldAdminSelectWidget,
        help_text="Gets their open tasks, contacts and conversations, where this person may work.",
    )
