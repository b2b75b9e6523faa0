"""Rules tried on the past: what was asked, how far it is, what came of it, and whom it would have met."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.roles import Access
from core.models import BaseModel

MOST_DAYS = 90


class BackTest(BaseModel):
    """One wording of a rule held against what happened at its location from `since` until `until`.

    It belongs to a rule, or to the draft of one that does not exist yet. `wording` and `live` are as drafts hold them;
    `live` is what the rule said when it was asked, None where the two cannot be compared (`alone` says why). `parts`
    are ranges of contacts, of which `parts_done` are played. Changed through `automation.backtests` only.
    """

    access: ClassVar[Access] = Access(resource="settings", location="location")

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Stopped"
        FAILED = "failed", "Failed"

    class Alone(models.TextChoices):
        """Why nothing is compared with it."""

        COMPARED = "", "It is compared with what the rule says now."
        NEW = "new", "It is a new rule, so there is nothing to compare it with."
        SAME = "same", "It is what the rule says now, so there is nothing to compare it with."
        OTHER_START = (
            "other_start",
            "It starts on something else than the rule does now, so the two are not compared.",
        )
        UNREADABLE = (
            "unreadable",
            "What the rule says now can no longer be read, so the two are not compared.",
        )

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="+")
    rule = models.ForeignKey(
        "automation.Rule", null=True, on_delete=models.CASCADE, related_name="back_tests"
    )
    draft = models.ForeignKey(
        "automation.RuleDraft", null=True, on_delete=models.CASCADE, related_name="back_tests"
    )
    wording = models.JSONField()
    live = models.JSONField(null=True)
    alone = models.CharField(max_length=12, choices=Alone.choices, blank=True, default="")
    days = models.PositiveSmallIntegerField(default=MOST_DAYS)
    since = models.DateTimeField()
    until = models.DateTimeField()
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+",
        help_text="Empty: asked for on the command line.",
    )  # fmt: skip
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    parts = models.JSONField(default=list)
    parts_done = models.PositiveIntegerField(default=0)
    figures = models.JSONField(default=dict)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "back-test"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                name="back_test_of_a_rule_or_a_draft",
                condition=Q(rule__isnull=False, draft__isnull=True)
                | Q(rule__isnull=True, draft__isnull=False),
            ),
            models.CheckConstraint(
                name="back_test_days", condition=Q(days__gte=1, days__lte=MOST_DAYS)
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"last {self.days} days, {self.get_state_display().lower()}"

    @property
    def is_going(self) -> bool:
        """Whether parts of it are still to be played."""
        return self.state in (self.State.WAITING, self.State.RUNNING)


class BackTestHit(models.Model):
    """One occasion on which a wording would have run, or would have been stopped: which wording, for whom, why, and
    what would have become of each step. `live_steps` are those of the live wording where both run and differ.

    `times` is on how many occasions the tested wording would have run for this person.
    """

    access: ClassVar[Access] = Access(resource="settings", location="test__location")

    class By(models.TextChoices):
        DRAFT = "draft", "Only as tried"
        LIVE = "live", "Only as it is now"
        BOTH = "both", "Either way"

    class Outcome(models.TextChoices):
        MATCHED = "matched", "Would have run"
        STOPPED = "stopped", "Would have been stopped"

    test = models.ForeignKey(BackTest, on_delete=models.CASCADE, related_name="hits")
    by = models.CharField(max_length=5, choices=By.choices)
    outcome = models.CharField(max_length=7, choices=Outcome.choices)
    anchor = models.CharField(max_length=160)
    contact = models.ForeignKey("contacts.Contact", null=True, on_delete=models.CASCADE, related_name="+")
    booking = models.ForeignKey("bookings.Booking", null=True, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()
    reason = models.TextField(blank=True, default="")
    steps = models.JSONField(default=list)
    live_steps = models.JSONField(null=True)
    times = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = "occasion of a back-test"
        ordering = ("-at", "-id")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=("test", "anchor"), name="one_hit_per_back_test_and_anchor"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("test", "-at", "-id"), name="backtesthit_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_outcome_display()}, {self.get_by_display().lower()}"
