"""What a rule names must be there when it is saved: people, services, practitioners, readable phones."""

from __future__ import annotations

from collections.abc import Sequence

from accounts import access, roles
from accounts.models import Location
from automation import actions
from automation.engine import Step
from bookings.models import Practitioner, Service
from contacts import identity
from contacts.vocabulary import Source
from integrations import calling, calls
from integrations.models import Provider, ProviderAccount
from messaging import rendering
from messaging.models import Channel, Template

Wrong = dict[str, list[str]]


def wrong_names(location: Location, steps: Sequence[Step]) -> Wrong:
    """What steps name and the location does not have, by path."""
    wrong: Wrong = {}
    for step in steps:
        action, path = step.action, f"actions[{step.index}]"
        if isinstance(action, actions.CreateTask | actions.UpdateTask | actions.AssignToStaff):
            wrong |= _staff(location, [action.staff] if action.staff else [], f"{path}.staff")
        if isinstance(action, actions.CreateBooking):
            wrong |= _visit(location, action, path)
        if isinstance(action, actions.MatchOrCreateContact):
            wrong |= _person(location, action, path)
        if isinstance(action, actions.SendEmail):
            wrong |= _letter(location, action, path)
        if isinstance(action, actions.NotifyStaff):
            wrong |= _staff(location, action.to, f"{path}.to")
            if "slack" in action.channels:
                wrong |= _account(location, Provider.SLACK, "", f"{path}.channels")
        if isinstance(action, actions.CallWebhook):
            wrong |= _account(location, Provider.WEBHOOK, action.account, f"{path}.account")
            problem = calling.url_problem(action.url, allowed=calls.allowed_hosts())
            wrong |= {f"{path}.url": [problem]} if problem else {}
    return wrong


def _staff(location: Location, emails: Sequence[str], path: str) -> Wrong:
    if not emails:
        return {}
    here = {user.email for user in access.people(roles.UPDATE, "tasks", [location.pk])[location.pk]}
    missing = [email for email in emails if email not in here]
    return {path: [f"nobody who works here has the e-mail {', '.join(missing)}."]} if missing else {}


def _letter(location: Location, action: actions.SendEmail, path: str) -> Wrong:
    if action.template:
        known = Template.objects.filter(location=location, name=action.template, channel=Channel.EMAIL)
        missing = f"there is no e-mail template {action.template!r} at this location."
        return {} if known.exists() else {f"{path}.template": [missing]}
    wrong: Wrong = {}
    for name, text in (("subject", action.subject), ("message", action.message)):
        found = rendering.problems(text or "")
        if found:
            wrong[f"{path}.{name}"] = found
    return wrong


def _account(location: Location, provider: Provider, name: str, path: str) -> Wrong:
    rows = ProviderAccount.objects.filter(location=location, provider=provider, enabled=True)
    if (rows.filter(name__iexact=name) if name else rows).exists():
        return {}
    what = f"{provider.label} account{f' {name!r}' if name else ''}"
    return {path: [f"the clinic has no {what}. Add one under Providers."]}


def _visit(location: Location, action: actions.CreateBooking, path: str) -> Wrong:
    wrong: Wrong = {}
    for name, model, what in (
        ("service", Service, "service"),
        ("practitioner", Practitioner, "practitioner"),
    ):
        wanted = getattr(action, name)
        rows = model._default_manager.filter(location=location, name__iexact=wanted, is_active=True)
        if wanted and not rows.exists():
            wrong[f"{path}.{name}"] = [f"the clinic has no active {what} {wanted!r}."]
    return wrong


def _person(location: Location, action: actions.MatchOrCreateContact, path: str) -> Wrong:
    wrong: Wrong = {}
    if action.phone and not identity.read_phone(action.phone, location.region).valid:
        wrong[f"{path}.phone"] = ["this is no phone number."]
    if action.email:
        try:
            identity.normalise_email(action.email)
        except identity.EmailRefused:
            wrong[f"{path}.email"] = ["this is no e-mail address."]
    if action.source and action.source not in Source.values:
        wrong[f"{path}.source"] = [f"there is no source {action.source!r}."]
    return wrong
