"""The clinic's wordings: their list, and the page on which one is written, tried and put back."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.validators import RegexValidator
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.text import Truncator
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts import access
from accounts.staff import LocationFilter, ScopedAdmin, cause_of, move_button
from messaging import services, template_editor, wordings
from messaging.models import Template

_NAMES = "Use letters, digits and _ only, such as spring_offer."
_KEPT = ("name", "channel", "category", "purpose", "subject", "body", "asks_answer")


class TemplateForm(forms.ModelForm):
    """The wording; beneath it the placeholders that may stand in it."""

    class Meta:
        model = Template
        fields = (
            "location", "name", "channel", "language", "category", "purpose", "subject", "body", "asks_answer",
            "is_active",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "name" in self.fields:
            self.fields["name"].error_messages["invalid"] = _NAMES
            self.fields["name"].validators = [RegexValidator(r"^[-a-zA-Z0-9_]+\Z", _NAMES)]
        if "body" in self.fields:
            self.fields["body"].widget = UnfoldAdminTextareaWidget(attrs={"rows": 6})
            location = self.instance.location if self.instance.location_id else None
            context = {"palette": template_editor.palette(location)}
            self.fields["body"].help_text = render_to_string("messaging/_template_palette.html", context)


class LookedAtForm(forms.ModelForm):
    """A form that is shown again as it was typed, and never saved."""

    def is_valid(self) -> bool:
        super().is_valid()
        return False


@admin.register(Template)
class TemplateAdmin(ScopedAdmin):
    """What the clinic's texts say."""

    form = TemplateForm
    change_form_template = "messaging/template_form.html"
    list_display = ("name", "channel", "category", "purpose", "asks", "is_active", "beginning")
    list_filter = (LocationFilter, "category", "purpose", "channel", "is_active")
    search_fields = ("name", "body")
    list_select_related = ("location",)
    ordering = ("name", "location_id")
    fields = (
        "location", "name", "channel", "language", "category", "purpose", "subject", "body", "asks_answer", "is_active",
    )  # fmt: skip

    restore_seed = move_button(
        "Restore delivered wording", lambda row, data, cause: services.restore_seed(template_id=row.pk, cause=cause),
        name="restore_seed", question="The present wording stays among the versions.", icon="settings_backup_restore",
        done="The delivered wording is back.", when=wordings.has_seed,
    )  # fmt: skip
    actions_detail = ("restore_seed",)

    def get_readonly_fields(self, request: HttpRequest, obj: Template | None = None) -> tuple[str, ...]:
        return ("location", "name", "channel", "language") if obj is not None else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        looking = request.method == "POST" and "_preview" in request.POST
        return type(form)(form.__name__, (LookedAtForm, form), {}) if looking else form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new one; with `?from=` another language of that template, which brings all else along."""
        given = super().get_changeform_initial_data(request)
        if origin := given.pop("from", ""):
            row = access.get_visible_or_404(Template, request.user, origin)
            given |= {name: getattr(row, name) for name in _KEPT} | {
                "location": row.location_id,
                "language": "",
            }
        return given

    def render_change_form(
        self, request: HttpRequest, context: Any, add: bool = False, change: bool = False, form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:  # fmt: skip
        initial = context["adminform"].form.initial
        context["editor"] = template_editor.for_page(request, obj, initial)
        return super().render_change_form(
            request, context, add=add, change=change, form_url=form_url, obj=obj
        )

    def save_through(self, request: HttpRequest, obj: Template, form: Any, change: bool) -> Template:
        if not change:
            data = {k: v for k, v in form.cleaned_data.items() if k != "location"}
            return services.create_template(location_id=obj.location_id, cause=cause_of(request), **data)
        changed = {name: form.cleaned_data[name] for name in form.changed_data}
        return services.save_template(template_id=obj.pk, cause=cause_of(request), **changed)

    @display(description="Asks for an answer", ordering="asks_answer", empty_value="-")
    def asks(self, row: Template) -> str | None:
        return "Yes" if row.asks_answer else None

    @display(description="Text")
    def beginning(self, row: Template) -> str:
        return Truncator(row.body).chars(80)
