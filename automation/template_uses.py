"""Which rules send a template, for the template's page."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse

from automation.clinic_checks import sent_by
from automation.models import Rule
from messaging import template_uses
from messaging.models import Channel, Template
from messaging.template_uses import Use


def rules(template: Template) -> Iterator[Use]:
    """The clinic's rules whose published wording sends this template on its channel, those that are on first."""
    found = Rule.objects.filter(location=template.location_id, current__isnull=False).select_related(
        "current"
    )
    for rule in found.order_by("-is_active", "name"):
        if template.name in sent_by(rule, by_mail=template.channel == Channel.EMAIL):
            yield Use(
                rule.name, _standing(rule), reverse("admin:automation_rule_edit", args=(rule.public_id,))
            )


def _standing(rule: Rule) -> str:
    return "off" if not rule.is_active else "in shadow" if rule.is_shadow else "on"


def connect() -> None:
    """Called from AppConfig.ready()."""
    template_uses.uses.register("automation.rules", rules)
