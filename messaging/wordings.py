"""Templates: finding them by name, saving a wording, going back to an earlier one or to the one delivered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Max

from core.causes import Cause
from core.errors import Invalid, NotFound
from core.events import NewEvent, record_many
from messaging import linting, safety, seed_texts
from messaging.events import TEMPLATE_CREATED
from messaging.models import Channel, Template, TemplateVersion
from messaging.seed_texts import SeedTemplate

LANGUAGE = "en"
SEEDED = Cause.system("templates")


def find(
    wanted: Iterable[tuple[int, str, str]],
) -> dict[tuple[int, str, str], dict[str, Template]]:
    """Templates by (location id, name, channel), then by language.

    One query; a seeded template that a location lacks is added on the way, at a few queries for each
    location.
    """
    keys = set(wanted)
    found = _load(keys)
    lacking = {key for key in keys if key not in found and _seed_of(key) is not None}
    if lacking:
        for location_id in sorted({key[0] for key in lacking}):
            add_missing(location_id)
        found |= _load(lacking)
    return found


def choose(by_language: dict[str, Template], language: str) -> Template | None:
    """The wording in the person's language, else in English, else any."""
    short = language.split("-")[0] if language else LANGUAGE
    return (
        by_language.get(language)
        or by_language.get(short)
        or by_language.get(LANGUAGE)
        or next(iter(by_language.values()), None)
    )


def _load(keys: set[tuple[int, str, str]]) -> dict[tuple[int, str, str], dict[str, Template]]:
    found: dict[tuple[int, str, str], dict[str, Template]] = {}
    rows = Template.objects.filter(
        location_id__in={key[0] for key in keys}, name__in={key[1] for key in keys}
    )
    for row in rows:
        key = (row.location_id, row.name, row.channel)
        if key in keys:
            found.setdefault(key, {})[row.language] = row
    return found


def _seed_of(key: tuple[int, str, str]) -> SeedTemplate | None:
    seed = seed_texts.BY_NAME.get(key[1])
    return seed if seed is not None and seed.channel == key[2] else None


@transaction.atomic
def add_missing(location_id: int) -> int:
    """Give a location the seeded templates it lacks; never touches one it has. Returns how many were added."""
    there = set(Template.objects.filter(location_id=location_id).values_list("name", "channel"))
    added = [
        Template(
            location_id=location_id, name=seed.name, channel=seed.channel, category=seed.category,
            purpose=seed.purpose, language=LANGUAGE, subject=seed.subject, body=seed.body,
            asks_answer=seed.asks_answer,
        )
        for seed in seed_texts.TEMPLATES
        if (seed.name, seed.channel) not in there
    ]  # fmt: skip
    Template.objects.bulk_create(added, ignore_conflicts=True)
    fresh = list(Template.objects.filter(location_id=location_id, versions__isnull=True))
    TemplateVersion.objects.bulk_create(
        TemplateVersion(
            template=row, number=1, subject=row.subject, body=row.body, is_seed=True,
            cause_kind=SEEDED.kind, cause_id=SEEDED.id,
        )
        for row in fresh
    )  # fmt: skip
    record_many([NewEvent(type=TEMPLATE_CREATED, location_id=location_id, cause=SEEDED) for _ in fresh])
    return len(fresh)


def check(template: Template) -> None:
    """Raise Invalid, naming the field, when a template's wording may not be saved."""
    if template.channel == Channel.EMAIL and not template.subject.strip():
        raise Invalid("An e-mail needs a subject.", code="invalid_template", fields={"subject": "missing"})
    linting.refuse_errors(safety.of_template(template))


@transaction.atomic
def create_template(*, location_id: int, name: str, body: str, cause: Cause, **fields: Any) -> Template:
    """A new template with its first version. Raises Invalid for a wording that may not be saved."""
    template = Template(location_id=location_id, name=name, body=body, **fields)
    check(template)
    template.save(cause=cause)
    _add_version(template, cause)
    return template


@transaction.atomic
def save_template(*, template_id: int, cause: Cause, **fields: Any) -> Template:
    """Change a template; another wording becomes a new version. Unsent messages use it from now on.

    Fields: subject, body, category, purpose, asks_answer, is_active. Raises Invalid for a wording that may
    not be saved, NotFound when there is no such template.
    """
    template = (
        Template.objects.select_for_update(no_key=True, of=("self",))
        .select_related("location")
        .filter(pk=template_id)
        .first()
    )
    if template is None:
        raise NotFound("There is no such template.")
    before = (template.subject, template.body)
    for name, value in fields.items():
        setattr(template, name, value)
    check(template)
    template.save(cause=cause)
    if (template.subject, template.body) != before:
        _add_version(template, cause)
    return template


def restore_seed(*, template_id: int, cause: Cause) -> Template:
    """Go back to the wording delivered with the system. Raises Invalid for a template of the clinic's own."""
    template = Template.objects.filter(pk=template_id).first()
    if template is None:
        raise NotFound("There is no such template.")
    seed = _seed_of((template.location_id, template.name, template.channel))
    if seed is None:
        raise Invalid(
            "This template is your own: there is no delivered wording to go back to.", code="no_seed"
        )
    return save_template(
        template_id=template_id, cause=cause, subject=seed.subject, body=seed.body,
        category=seed.category, purpose=seed.purpose, asks_answer=seed.asks_answer,
    )  # fmt: skip


def restore_version(*, template_id: int, number: int, cause: Cause) -> Template:
    """Make an earlier wording the present one, as a new version."""
    version = TemplateVersion.objects.filter(template_id=template_id, number=number).first()
    if version is None:
        raise NotFound(f"This template has no version {number}.")
    return save_template(template_id=template_id, cause=cause, subject=version.subject, body=version.body)


def newest_versions(templates: Iterable[Template | None]) -> dict[int, TemplateVersion]:
    """The versions that messages sent now are worded by, by template id; one query."""
    ids = {template.pk for template in templates if template is not None}
    rows = TemplateVersion.objects.filter(template_id__in=ids).order_by("template_id", "-number")
    return {row.template_id: row for row in rows.distinct("template_id")} if ids else {}


def has_seed(template: Template) -> bool:
    """Whether there is a delivered wording to go back to."""
    return _seed_of((template.location_id, template.name, template.channel)) is not None


def _add_version(template: Template, cause: Cause) -> TemplateVersion:
    last = template.versions.aggregate(last=Max("number"))["last"] or 0
    seed = _seed_of((template.location_id, template.name, template.channel))
    return TemplateVersion.objects.create(
        template=template, number=last + 1, subject=template.subject, body=template.body,
        is_seed=seed is not None and (seed.subject, seed.body) == (template.subject, template.body),
        cause_kind=cause.kind, cause_id=cause.id,
    )  # fmt: skip
