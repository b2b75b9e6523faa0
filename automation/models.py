"""Rules and their versions, what ran and why, and the facts it ran on."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from accounts.roles import Access
from automation import anchors, triggers
from automation.backtest_models import BackTest, BackTestHit
from automation.journal_models import ClockLook, FactChange, position
from core import clock
from core.causes import Cause
from core.models import BaseModel

__all__ = [
    "ActionRun", "BackTest", "BackTestHit", "ClockLook", "FactChange", "FactSnapshot", "Rule", "RuleDraft", "RuleRun",
    "RuleVersion", "SavedSegment",
]  # fmt: skip


class Rule(BaseModel):
    """Trigger, conditions and ordered actions of one location. What it says now is its `current` version.

    Changed through `automation.services` only, which checks it and tells of it. `key` is the name by which
    the delivered wording can be restored; a rule that staff wrote has one of their own making.
    """

    access: ClassVar[Access] = Access(resource="settings", location="location")

    class Every(models.TextChoices):
        EVENT = "", "When it happens"
        HOURLY = "hourly", "Every hour"
        DAILY = "daily", "Every day"

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="rules")
    key = models.SlugField(max_length=60, help_text="Short name, the same for as long as the rule lives.")
    name = models.CharField(max_length=120)
    trigger = models.CharField(max_length=40, choices=triggers.CHOICES)
    every = models.CharField(max_length=8, choices=Every.choices, blank=True, default="")
    anchor = models.CharField(
        "once per",
        max_length=16,
        choices=anchors.CHOICES,
        blank=True,
        default="",
        help_text="For a rule that runs by the clock: what it acts on once.",
    )
    priority = models.PositiveSmallIntegerField(default=100, help_text="Lower ones run first.")
    is_active = models.BooleanField("on", default=True)
    is_shadow = models.BooleanField(
        "in shadow", default=False, db_default=False,
        help_text="While it is on: what it would do is recorded, nothing is done.",
    )  # fmt: skip
    paused_reason = models.CharField(
        "why it was paused", max_length=300, blank=True, default="", db_default="", editable=False,
        help_text="By the system; switched on again, it is empty.",
    )  # fmt: skip
    watched_from = models.DateTimeField(
        null=True, editable=False, help_text="When it was last switched on again."
    )
    is_seeded = models.BooleanField("delivered with the system", default=False, editable=False)
    current = models.ForeignKey(
        "RuleVersion", null=True, on_delete=models.PROTECT, related_name="+", editable=False
    )

    class Meta:
        ordering = ("trigger", "priority", "key")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=("location", "key"),
                name="one_rule_per_key",
                violation_error_message="This location has a rule with that short name.",
            ),
            models.CheckConstraint(
                name="clock_rules_know_when_and_once_per_what",
                condition=(Q(trigger="cron_check") & ~Q(every="") & ~Q(anchor=""))
                | (~Q(trigger="cron_check") & Q(every="", anchor="")),
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=("location", "trigger", "priority"), name="rule_active", condition=Q(is_active=True)
            ),
        ]

    class Mode(models.TextChoices):
        """What becomes of what it meets."""

        OFF = "off", "Off"
        SHADOW = "shadow", "In shadow"
        LIVE = "on", "On"

    def __str__(self) -> str:
        return f"{self.key} {self.name}"

    @property
    def mode(self) -> Rule.Mode:
        """Off; in shadow (recorded, not done); or on."""
        if not self.is_active:
            return Rule.Mode.OFF
        return Rule.Mode.SHADOW if self.is_shadow else Rule.Mode.LIVE

    @property
    def is_edited(self) -> bool:
        """Whether staff changed a delivered rule."""
        return self.is_seeded and self.current is not None and not self.current.is_seed


class RuleVersion(models.Model):
    """One wording of a rule, for ever. Runs point at the version they ran on."""

    access: ClassVar[Access] = Access(resource="settings", location="rule__location")

    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    conditions = models.JSONField(default=dict, blank=True)
    actions = models.JSONField(default=list)
    is_seed = models.BooleanField("as delivered", default=False)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Empty: the system.",
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("-number",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=("rule", "number"), name="one_rule_version_per_number"),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"


class RuleDraft(BaseModel):
    """A rule as somebody is writing it: a change of `rule`, or a new one. It does nothing until it is published.

    `wording` is JSON as the editor holds it, complete or not. Changed through `automation.drafts` only.
    """

    access: ClassVar[Access] = Access(resource="settings", location="location")

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="+")
    rule = models.OneToOneField(Rule, null=True, on_delete=models.CASCADE, related_name="draft")
    wording = models.JSONField(default=dict)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    def __str__(self) -> str:
        return f"draft of {self.rule_id or 'a new rule'}"


class FactSnapshot(models.Model):
    """What was known when an event was handled: one for all its runs, without free text. `position` is how far the
    journal of facts had come.
    """

    access: ClassVar[Access] = Access(resource="settings", location="location_id")

    event_id = models.BigIntegerField(unique=True)
    location_id = models.BigIntegerField(null=True)
    values = models.JSONField(default=dict)
    at = models.DateTimeField(default=clock.now)
    position = models.BigIntegerField(null=True, editable=False, db_default=position())

    def __str__(self) -> str:
        return f"facts of event {self.event_id}"


class RuleRun(BaseModel):
    """One rule met one anchor: the unit of exactly-once and of "why did this happen?".

    The anchor is the event, or for a clock rule what it is about. `chain` is that of the causes of its
    actions: the rules that led here, this one included.
    """

    access: ClassVar[Access] = Access(resource="settings", location="location")

    class State(models.TextChoices):
        MATCHED = "matched", "Would have run (shadow)"
        RUNNING = "running", "Waiting steps"
        DONE = "done", "Done"
        FAILED = "failed", "A step failed"
        NOT_MATCHED = "not_matched", "Conditions not met"
        STOPPED = "stopped", "Stopped"

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="+")
    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="runs")
    version = models.ForeignKey(RuleVersion, on_delete=models.PROTECT, related_name="runs")
    anchor = models.CharField(max_length=120)
    contact = models.ForeignKey(
        "contacts.Contact", null=True, on_delete=models.PROTECT, related_name="rule_runs"
    )
    booking = models.ForeignKey(
        "bookings.Booking", null=True, on_delete=models.PROTECT, related_name="rule_runs"
    )
    event_id = models.BigIntegerField(db_index=True)
    facts = models.ForeignKey(FactSnapshot, null=True, on_delete=models.PROTECT, related_name="runs")
    state = models.CharField(max_length=12, choices=State.choices)
    reason = models.TextField(blank=True, default="")
    chain = models.JSONField(default=list)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=("rule", "anchor"), name="one_run_per_rule_and_anchor"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("contact", "-id"), name="rulerun_contact"),
            models.Index(fields=("location", "-id"), name="rulerun_location"),
            models.Index(fields=("rule", "created_at"), name="rulerun_figures"),
            models.Index(
                fields=("state", "-id"),
                name="rulerun_ended_early",
                condition=Q(state__in=["failed", "stopped"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.get_state_display()}"

    @property
    def cause(self) -> Cause:
        """The cause of what its actions do."""
        return Cause.rule_run(self.pk, tuple(self.chain))


class ActionRun(BaseModel):
    """One step of a run: what was to be done, whether it was, and why or why not."""

    access: ClassVar[Access] = Access(resource="settings", location="run__location")

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        DONE = "done", "Done"
        SKIPPED = "skipped", "Not needed"
        HELD = "held", "Held"
        FAILED = "failed", "Failed"

    run = models.ForeignKey(RuleRun, on_delete=models.CASCADE, related_name="actions")
    step = models.PositiveSmallIntegerField()
    type = models.CharField(max_length=40)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    run_at = models.DateTimeField()
    reason = models.TextField(blank=True, default="")
    facts_seen = models.JSONField(default=list, help_text="Each comparison of its conditions.")
    result = models.JSONField(default=dict, help_text="Ids of what it made or changed.")
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("run_id", "step")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=("run", "step"), name="one_action_run_per_step"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=("state", "-id"), name="actionrun_open", condition=Q(state__in=["pending", "failed"])
            ),
            models.Index(
                fields=("run_at",), name="actionrun_notices", condition=Q(type="notify_staff", state="done")
            ),
        ]

    def __str__(self) -> str:
        return f"step {self.step + 1}: {self.type}"


class SavedSegment(BaseModel):
    """People of one location by conditions on what is known of them; whoever meets them now is in it.

    Changed through `automation.segments` only, which checks the conditions.
    """

    access: ClassVar[Access] = Access(resource="settings", location="location")

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="segments")
    name = models.CharField(max_length=120)
    conditions = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ("name",)
        verbose_name = "segment"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                Lower("name"),
                "location",
                name="one_segment_per_name",
                violation_error_message="This location has a segment of that name already.",
            ),
        ]

    def __str__(self) -> str:
        return self.name
