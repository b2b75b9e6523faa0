"""What a clinic has that rules can name: templates, people, services and the like; each read once, when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import get_args

from accounts import access, roles
from accounts.models import Location, User
from automation.editor.cards import Parameter
from bookings.models import Practitioner, Service
from contacts import pipeline
from contacts.vocabulary import Source, TouchpointType
from integrations.models import Provider, ProviderAccount
from messaging import reasons, safety
from messaging.intents import IntentName
from messaging.models import Channel, Template
from messaging.vocabulary import Category
from tasks.models import Task

#: Values with labels, in groups.
Grouped = Mapping[str, Mapping[str, str]]


class Choices:
    """What one clinic has."""

    def __init__(self, location: Location) -> None:
        self.location = location

    @cached_property
    def templates(self) -> list[Template]:
        """Texts and e-mails of the clinic, without the location's row again."""
        return list(Template.objects.filter(location=self.location).order_by("category", "name"))

    @cached_property
    def _people(self) -> list[User]:
        return access.people(roles.UPDATE, "tasks", [self.location.pk])[self.location.pk]

    @cached_property
    def _services(self) -> Mapping[str, str]:
        rows = Service.objects.filter(location=self.location, is_active=True).order_by("name")
        return {name: name for name in rows.values_list("name", flat=True)}

    @cached_property
    def _practitioners(self) -> Mapping[str, str]:
        rows = Practitioner.objects.filter(location=self.location, is_active=True).order_by("name")
        return {name: name for name in rows.values_list("name", flat=True)}

    @cached_property
    def _accounts(self) -> Mapping[str, str]:
        rows = ProviderAccount.objects.filter(location=self.location, provider=Provider.WEBHOOK, enabled=True)
        return {name: name for name in rows.values_list("name", flat=True)}

    def _named(self, channel: Channel) -> Grouped:
        found: dict[str, dict[str, str]] = {}
        for template in self.templates:
            if template.channel == channel:
                words = template.name.replace("_", " ") + ("" if template.is_active else " (switched off)")
                found.setdefault(template.get_category_display(), {})[template.name] = words
        return found

    def _staff(self) -> Mapping[str, str]:
        return {person.email: f"{person.name} ({person.email})" for person in self._people}

    def _skills(self) -> Mapping[str, str]:
        return {skill: skill for person in self._people for skill in sorted(person.skills)}

    def of_parameter(self, parameter: Parameter, kind: str, given: Mapping[str, str]) -> Grouped:
        """The values a parameter may have; `given` are the action's other ones, as typed."""
        source = parameter.source
        if source in ("templates", "sms_templates"):
            return self._named(Channel.EMAIL if kind == "send_email" else Channel.SMS)
        if source == "stages":
            return {
                pipeline.PIPELINE_LABELS[name]: {
                    place.stage: label
                    for place, label in pipeline.STAGE_LABELS.items()
                    if place.pipeline == name
                }
                for name in pipeline.PIPELINES
                if given.get("pipeline") in (None, "", name)
            }
        flat = {
            "pipelines": lambda: pipeline.PIPELINE_LABELS,
            "touchpoints": lambda: dict(TouchpointType.choices),
            "staff": self._staff,
            "skills": self._skills,
            "services": lambda: self._services,
            "practitioners": lambda: self._practitioners,
            "webhook_accounts": lambda: self._accounts,
            "contact_sources": lambda: dict(Source.choices),
        }
        return {"": flat[source]()} if source in flat else {"": parameter.input.choices}

    def of_field(self, name: str) -> Mapping[str, str]:
        """Values that a condition on this field is likely to name, where the registry has none."""
        known = {
            "service": lambda: self._services,
            "practitioner": lambda: self._practitioners,
            "owner": self._staff,
            "template": lambda: {
                template.name: template.name.replace("_", " ") for template in self.templates
            },
            "category": lambda: dict(Category.choices),
            "message_intent": lambda: {intent: intent for intent in get_args(IntentName)},
            "message_reason": lambda: {code: words.rstrip(".") for code, words in reasons.WORDS.items()},
            "event_source": lambda: dict(Source.choices),
            "open_tasks": lambda: dict(Task.Type.choices),
        }
        return known[name]() if name in known else {}

    def preview(self, name: str, kind: str) -> str:
        """What a template says with values as they typically are; empty for none of that name."""
        channel = Channel.EMAIL if kind == "send_email" else Channel.SMS
        found = next((t for t in self.templates if t.name == name and t.channel == channel), None)
        return "" if found is None else safety.sample(found.body, self.location)
