"""What managers do to a rule so that it can be taken back: publish a draft, restore a wording.

The wording before is put back as a new version, with the name, priority and state the rule had; while it was changed
since, by whomever, it stays as it is. A pause by the system is no such change; a rule that was paused goes back paused.
What waits because of the wording that is taken back is withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import Q, QuerySet

from accounts.desk_kinds import Doing, Kind, Line, State, back_one_by_one, kinds, one_by_one
from accounts.models import DeskActionItem, User
from automation import because, drafts, seeds, services
from automation.models import Rule, RuleRun
from contacts import locks as contact_locks
from core.causes import Cause
from core.errors import Invalid

PUBLISH = "automation.publish"
RESTORE = "automation.restore"
RESTORE_DELIVERED = "automation.restore_delivered"
PAUSED = "paused_reason"
_HEAD = ("name", "trigger", "every", "anchor", "priority")


def _read(ids: Sequence[int]) -> dict[int, State]:
    """The wording that is live, and on, off or in shadow as people set it: one that the system paused counts as on.
    Switching it on again after a pause is seen by when that was.
    """
    rows = Rule.objects.filter(pk__in=ids).select_related("current")
    return {
        rule.pk: {
            **{name: getattr(rule, name) for name in _HEAD},
            "version": rule.current.number if rule.current else 0,
            "mode": str(services.mode_of(True, rule.is_shadow) if rule.paused_reason else rule.mode),
            "switched_on": rule.watched_from.isoformat() if rule.watched_from else "",
            PAUSED: rule.paused_reason,
        }
        for rule in rows
    }


def _lock(ids: Sequence[int]) -> object:
    return list(Rule.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=ids).order_by("pk"))


def _publish(doing: Doing, pk: int) -> None:
    given = doing.parameters
    drafts.publish(
        given["draft"],
        seen=given["seen"],
        mode=Rule.Mode(given["mode"]),
        author=doing.user,
        cause=doing.cause,
    )


def _restore(doing: Doing, pk: int) -> None:
    services.restore_version(pk, number=doing.parameters["number"], author=doing.user, cause=doing.cause)


def _restore_delivered(doing: Doing, pk: int) -> None:
    seeds.restore_rule(pk, author=doing.user, cause=doing.cause)


def _back(doing: Doing, pk: int, before: State) -> None:
    rule = Rule.objects.get(pk=pk)
    version = rule.versions.filter(number=before["version"]).first()
    if version is None:
        raise Invalid("The rule had no wording before.", code="no_version")
    mode, paused = Rule.Mode(before["mode"]), before.get(PAUSED, "")
    on = mode != Rule.Mode.OFF and not paused
    wanted = replace(
        services.input_of(rule, version), **{name: before[name] for name in _HEAD},
        is_active=on,
        is_shadow=rule.is_shadow if mode == Rule.Mode.OFF else mode == Rule.Mode.SHADOW,
    )  # fmt: skip
    services.save_rule(pk, wanted=wanted, author=doing.user, cause=doing.cause, is_seed=version.is_seed)
    if not on and rule.paused_reason != paused:
        services.pause(pk, reason=paused, cause=doing.cause)


def _runs(items: Sequence[DeskActionItem]) -> QuerySet[RuleRun]:
    """The runs of wordings that these acts made live; of one that they only switched on, those since then."""
    which = Q(pk__in=[])
    for item in items:
        before, after = item.before or {}, item.after or {}
        own = Q(rule=item.subject_id, version__number=after.get("version"))
        if after.get("version") != before.get("version"):
            which |= own
        elif after.get("mode") == Rule.Mode.LIVE != before.get("mode"):
            which |= own & Q(created_at__gte=item.at)
    return RuleRun.objects.filter(which)


def _lock_back(items: Sequence[DeskActionItem]) -> None:
    contact_locks.lock_those_there(_runs(items).values_list("contact_id", flat=True).distinct())
    _lock([item.subject_id for item in items])


def _follow(items: Sequence[DeskActionItem], user: User) -> Iterable[Line]:
    return because.follow_runs(_runs(items), user)


def _withdraw(items: Sequence[DeskActionItem], cause: Cause) -> Mapping[str, int]:
    return because.withdraw_runs(_runs(items), cause)


def _kind(label: str, act: Any, said: Any = None) -> Kind:
    return Kind(
        label=label, resource="settings", model="automation.Rule", read=_read, run=one_by_one(act),
        undo=back_one_by_one(_back), lock=_lock, said=said, title=lambda rule: str(rule.name),
        aside=(PAUSED,), follow=_follow, withdraw=_withdraw, lock_back=_lock_back,
    )  # fmt: skip


def _restored(parameters: Mapping[str, Any]) -> str:
    return f"Restored version {parameters['number']} of a rule"


def connect() -> None:
    """Called from AppConfig.ready()."""
    kinds.register(PUBLISH, _kind("Published a rule", _publish))
    kinds.register(RESTORE, _kind("Restore a version of a rule", _restore, _restored))
    kinds.register(RESTORE_DELIVERED, _kind("Restored a rule as delivered", _restore_delivered))
