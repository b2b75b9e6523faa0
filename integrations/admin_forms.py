"""Forms of the provider pages: accounts and senders."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.html import format_html, format_html_join
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from core.errors import DomainError
from integrations import provider_settings, senders
from integrations.models import ProviderAccount, SenderIdentity
from integrations.provider_settings import Credential


class AccountForm(forms.ModelForm):
    """An account. What its provider wants is added by `for_provider`; secrets are typed, never shown again."""

    wanted: ClassVar[tuple[Credential, ...]] = ()

    class Meta:
        model = ProviderAccount
        fields = ("location", "provider", "name", "external_instance_id", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for credential in self.wanted:
            self._describe(credential)

    def _describe(self, credential: Credential) -> None:
        field, stored = self.fields[credential.name], self.instance.credentials.get(credential.name)
        if not credential.secret:
            field.initial = stored or ""
        elif stored:
            field.help_text = f"There is one. Leave empty to keep it. {credential.help}"
        elif credential.given(self.instance):
            field.help_text = f"The installation's own is used. {credential.help}"

    def clean(self) -> dict[str, Any]:
        data = dict(super().clean() or {})
        for credential in self.wanted:
            if credential.check is not None and data.get(credential.name):
                try:
                    credential.check(data[credential.name])
                except DomainError as problem:
                    self.add_error(credential.name, problem.message)
        return data

    def credentials(self) -> dict[str, str]:
        """What was typed of the provider's own values, by name."""
        return {field.name: self.cleaned_data.get(field.name, "") for field in self.wanted}


def for_provider(provider: str) -> type[AccountForm]:
    """The form of an account with this provider: with a field for each value that the provider wants."""
    wanted = provider_settings.of(provider).fields
    return type("AccountForm", (AccountForm,), {"wanted": wanted, **{f.name: _typed(f) for f in wanted}})


def _typed(credential: Credential) -> forms.CharField:
    widget: Any = UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    if credential.rows > 1:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": credential.rows})
    elif credential.secret:
        widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    return forms.CharField(
        label=credential.label, help_text=credential.help, required=False, max_length=4000, widget=widget
    )


class SenderForm(forms.ModelForm):
    """A sender, with what each state of its registration means."""

    class Meta:
        model = SenderIdentity
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "value" in self.fields:
            self.fields[
                "value"
            ].help_text = (
                "A number such as +61255501000, a name of at most 11 characters, or for e-mail an address."
            )
        state = self.fields.get("registration")
        if state is not None:
            state.help_text = format_html(
                "<ul>{}</ul>",
                format_html_join(
                    "", "<li><b>{}</b>: {}</li>",
                    [(SenderIdentity.Registration(key).label, words) for key, words in senders.STATES.items()],
                ),
            )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = dict(super().clean() or {})
        location, account = (
            data.get("location") or getattr(self.instance, "location", None),
            data.get("account"),
        )
        if location is not None and account is not None and account.location_id != location.pk:
            self.add_error("account", "Choose an account of this clinic.")
        return data
