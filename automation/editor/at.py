"""Which rule, or draft of a new one, a page of the editor is about, and where its pages are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse

from accounts import access, roles
from accounts.models import Location, User
from automation import drafts
from automation.models import Rule, RuleDraft
from core.errors import NotFound


@dataclass
class At:
    """A rule with the draft that changes it, or a draft of a new rule."""

    location: Location
    rule: Rule | None
    draft: RuleDraft | None
    may: bool

    @property
    def wording(self) -> dict[str, Any]:
        """What the editor begins with: the draft, else what the rule says."""
        if self.draft is not None:
            return dict(self.draft.wording)
        assert self.rule is not None
        return drafts.wording_of(self.rule)

    @property
    def live(self) -> dict[str, Any] | None:
        """What the rule says now; None for a new one."""
        return drafts.wording_of(self.rule) if self.rule is not None else None

    @property
    def imagined(self) -> Rule:
        """The rule, or an unsaved one in place of it."""
        return self.rule or Rule(pk=0, location=self.location)

    @property
    def seen(self) -> str:
        """When the draft was last saved: what tells that somebody else saved it meanwhile."""
        return drafts.saved_at(self.draft)

    def url(self, page: str = "") -> str:
        """The address of one of its pages."""
        ending = f"_{page}" if page else ""
        if self.rule is not None:
            return reverse(f"admin:automation_rule_edit{ending}", args=[self.rule.public_id])
        assert self.draft is not None
        return reverse(f"admin:automation_draft_edit{ending}", args=[self.draft.public_id])


def of_rule(request: HttpRequest, pk: UUID) -> At:
    """The rule of that public id, if this person sees it; raises NotFound."""
    user = _user(request)
    rows = access.visible(Rule.objects.select_related("current", "location", "draft__author"), user)
    rule = rows.filter(public_id=pk).first()
    if rule is None:
        raise NotFound("There is no such rule.")
    draft = getattr(rule, "draft", None)
    return At(rule.location, rule, draft, access.allowed(user, roles.UPDATE, "settings", rule.location))


def of_draft(request: HttpRequest, pk: UUID) -> At:
    """The draft of a new rule; raises NotFound, also for one that was published meanwhile."""
    user = _user(request)
    rows = access.visible(RuleDraft.objects.select_related("location", "author"), user)
    draft = rows.filter(public_id=pk, rule__isnull=True).first()
    if draft is None:
        raise NotFound("There is no such draft. It was published or discarded.")
    return At(draft.location, None, draft, access.allowed(user, roles.UPDATE, "settings", draft.location))


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
