"""What `doctor` asks of a clinic's rules and of the templates they send."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse

from accounts import doctor
from accounts.doctor import Finding, Level
from accounts.models import Location
from automation import rulebook, seeds
from automation.models import Rule
from messaging import rendering, values
from messaging.models import Template

#: What a placeholder that the clinic itself fills is called on the clinic's page.
_CALLED = {"clinic_phone": "phone", "referral_link": "booking link", "incentive": "thank-you for a referral"}


def rules(location: Location) -> Iterator[Finding]:
    """The delivered rules are there, and every rule that is on can be read."""
    link = reverse("admin:automation_rule_changelist")
    found = list(Rule.objects.filter(location=location, current__isnull=False).select_related("current"))
    absent = sorted(set(seeds.packs()) - {rule.key for rule in found})
    if absent:
        yield Finding(
            Level.MISSING, "Rules", f"{len(absent)} delivered rules are absent: {', '.join(absent[:5])}.",
            "Run `manage.py seed --no-demo`: it adds what is absent and changes nothing else.", link,
        )  # fmt: skip
    broken = [rule for rule in found if rule.is_active and rulebook.text_of(rule).broken]
    for rule in broken:
        yield Finding(
            Level.MISSING, "Rules", f"“{rule.name}” cannot be read, so it never runs.", "Mend or restore it.",
            reverse("admin:automation_rule_change", args=(rule.public_id,)),
        )  # fmt: skip
    if not absent and not broken:
        on = sum(rule.is_active for rule in found)
        yield Finding(Level.OK, "Rules", f"{on} on, {len(found) - on} off.", link=link)
    yield from _templates(location, [rule for rule in found if rule.is_active and rule not in broken])


def _templates(location: Location, active: list[Rule]) -> Iterator[Finding]:
    link = reverse("admin:messaging_template_changelist")
    wanted = sorted({name for rule in active for name in sent_by(rule)})
    texts: dict[str, Template] = {}
    for row in Template.objects.filter(location=location, name__in=wanted).order_by("language"):
        texts.setdefault(row.name, row)
    gaps = 0
    for name in wanted:
        finding = _template(location, name, texts.get(name), link)
        if finding is not None:
            gaps += 1
            yield finding
    if not gaps:
        yield Finding(Level.OK, "Templates", f"All {len(wanted)} that rules send are there.", link=link)


def _template(location: Location, name: str, row: Template | None, link: str) -> Finding | None:
    """What keeps a template from being sent at this clinic; None when nothing does."""
    if row is None:
        return Finding(
            Level.MISSING, "Templates", f"A rule sends “{name}”, which there is not.", "Add it, or change the rule.",
            link,
        )  # fmt: skip
    page = reverse("admin:messaging_template_change", args=(row.public_id,))
    if not row.is_active:
        return Finding(
            Level.WARNING, "Templates", f"A rule sends “{name}”, which is switched off.", "Switch one of them.",
            page,
        )  # fmt: skip
    asked = rendering.placeholders(row.body)
    unknown = [word for word in asked if word not in rendering.PLACEHOLDERS]
    if unknown:
        return Finding(
            Level.MISSING, "Templates", f"“{name}” has placeholders that do not exist: {', '.join(unknown)}.",
            "Correct the wording.", page,
        )  # fmt: skip
    own = values.of_clinic(location)
    empty = sorted(
        {_CALLED.get(word, word.replace("_", " ")) for word in asked if word in own and not own[word]}
    )
    if empty:
        return Finding(
            Level.MISSING, "Templates", f"“{name}” would be held: the clinic has no {' and no '.join(empty)}.",
            "Type it on the clinic's page.", reverse("admin:accounts_location_change", args=(location.public_id,)),
        )  # fmt: skip
    return None


def sent_by(rule: Rule, *, by_mail: bool | None = None) -> Iterator[str]:
    """The names of templates that a rule sends as it stands: all, or only those it mails, or only those it texts."""
    assert rule.current is not None
    for action in rule.current.actions:
        if isinstance(action, dict) and by_mail in (None, action.get("type") == "send_email"):
            named = [action.get("template"), *action.get("templates", ())]
            yield from (str(name) for name in named if name)


def connect() -> None:
    """Called from AppConfig.ready()."""
    doctor.checks.register("automation.rules", rules)
