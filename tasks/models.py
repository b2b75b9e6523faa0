from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts import roles
from accounts.roles import Access
from core.fields import EncryptedTextField
from core.models import BaseModel, TrackedModel
from tasks import next_steps


class Task(TrackedModel):
    """One piece of work for a human. Its place in the queue is computed from the clock, never stored."""

    access: ClassVar[Access] = Access(resource="tasks", location="location", owner="assigned_to")

    class Type(models.TextChoices):
        CALL = "call", "Call"
        CALL_HOT_LEAD = "call_hot_lead", "Call hot lead"
        WELCOME_CALL = "welcome_call", "Welcome call"
        SMS_FOLLOWUP = "sms_followup", "Text follow-up"
        RESCUE_CALL = "rescue_call", "Rescue call"
        RECALL_CALL = "recall_call", "Recall call"
        RECALL_REMINDER = "recall_reminder", "Recall reminder"
        REVIEW_REQUEST = "review_request", "Ask for a review"
        REFERRAL_INVITE = "referral_invite", "Invite a referral"
        NO_SHOW_FOLLOWUP = "no_show_followup", "No-show follow-up"
        CONFIRMATION_CALL = "confirmation_call", "Confirmation call"
        REPLY_NEEDED = "reply_needed", "Answer a message"
        RECORD_OUTCOME = "record_outcome", "Record the outcome"
        DUPLICATE_CHECK = "duplicate_check", "Possible duplicate"
        DELIVERY_PROBLEM = "delivery_problem", "Delivery problem"
        RECONCILE = "reconcile", "Reconcile"
        CUSTOM = "custom", "Other"

    class Status(models.TextChoices):
        TODO = "todo", "To do"
        IN_PROGRESS = "in_progress", "In progress"
        COMPLETED = "completed", "Completed"
        CANCELLED = "cancelled", "Cancelled"

    class CreatedBy(models.TextChoices):
        SYSTEM = "system", "System"
        STAFF = "staff", "Staff"

    class Outcome(models.TextChoices):
        NONE = "", "—"
        SUCCESS = "success", "Done"
        CONNECTED = "connected", "Connected"
        VOICEMAIL = "voicemail", "Left a voicemail"
        NO_ANSWER = "no_answer", "No answer"
        WRONG_NUMBER = "wrong_number", "Wrong number"
        NOT_NEEDED = "not_needed", "Not needed"

    OPEN: ClassVar[tuple[str, ...]] = ("todo", "in_progress")
    CALL_TYPES: ClassVar[frozenset[str]] = next_steps.CALLS

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="tasks")
    contact = models.ForeignKey("contacts.Contact", null=True, on_delete=models.PROTECT, related_name="tasks")
    booking = models.ForeignKey(
        "bookings.Booking", null=True, blank=True, on_delete=models.PROTECT, related_name="tasks"
    )
    type = models.CharField(max_length=20, choices=Type.choices)
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="tasks"
    )
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="claimed_tasks",
    )
    claimed_until = models.DateTimeField(null=True, blank=True)
    due_datetime = models.DateTimeField("due")
    urgency = models.CharField(
        max_length=6, blank=True, default="", help_text="Copied from the booking; blank without one."
    )
    warmness = models.PositiveSmallIntegerField(default=0, help_text="Copied from the contact, 0 to 100.")
    snoozed_until = models.DateTimeField(null=True, blank=True)
    priority_floor = models.PositiveSmallIntegerField(default=0, help_text="The score is at least this.")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.TODO)
    created_by = models.CharField(max_length=6, choices=CreatedBy.choices, default=CreatedBy.SYSTEM)
    completed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, blank=True, default="")
    notes = EncryptedTextField(blank=True, default="")
    attempts = models.PositiveSmallIntegerField(
        default=0, editable=False, help_text="Calls that reached nobody and were put off to another time."
    )
    assignment_note = models.CharField(
        max_length=200, blank=True, default="", help_text="How it came to its person, or why to nobody."
    )
    closed_reason = models.CharField(max_length=120, blank=True, default="")
    overdue_told_at = models.DateTimeField(null=True, editable=False)
    cause_kind = models.CharField(max_length=20, editable=False)
    cause_id = models.CharField(max_length=80, editable=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=("booking", "type"),
                condition=Q(status__in=("todo", "in_progress"), booking__isnull=False),
                name="one_open_task_per_booking_and_type",
            ),
            models.UniqueConstraint(
                fields=("contact", "type"),
                condition=Q(status__in=("todo", "in_progress"), booking__isnull=True, contact__isnull=False),
                name="one_open_task_per_contact_and_type",
            ),
            models.CheckConstraint(
                condition=Q(status="completed", completed_at__isnull=False) | ~Q(status="completed"),
                name="completed_task_has_a_time",
            ),
            models.CheckConstraint(condition=Q(warmness__lte=100), name="task_warmness_to_100"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=("location", "due_datetime"),
                condition=Q(status__in=("todo", "in_progress")),
                name="task_open_by_due",
            ),
            models.Index(
                F("assigned_to"),
                F("due_datetime"),
                condition=Q(status__in=("todo", "in_progress")),
                name="task_open_by_person",
            ),
            models.Index(fields=("contact", "-id"), name="task_contact"),
            models.Index(
                fields=("location", "-completed_at"), condition=Q(status="completed"), name="task_completed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_type_display()} ({self.get_status_display()})"

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN


class AssignmentPolicy(BaseModel):
    """How a location's new tasks find a person when nobody was named."""

    access: ClassVar[Access] = Access(resource="settings", location="location")

    class How(models.TextChoices):
        OFF = "off", "To nobody: whoever comes first takes it"
        ROUND_ROBIN = "round_robin", "In turn"
        LEAST_LOADED = "least_loaded", "To whoever has the fewest open tasks"
        BY_SKILL = "by_skill", "By skill, then fewest open tasks"

    location = models.OneToOneField(
        "accounts.Location", on_delete=models.CASCADE, related_name="assignment_policy"
    )
    how = models.CharField("new tasks go", max_length=12, choices=How.choices, default=How.OFF)
    include_managers = models.BooleanField(default=True, help_text="Managers take tasks like staff.")
    include_admins = models.BooleanField(default=False, help_text="Admins take tasks like staff.")
    last_user_id = models.BigIntegerField(null=True, editable=False)

    class Meta:
        verbose_name = "task assignment"
        verbose_name_plural = "task assignment"

    def __str__(self) -> str:
        return f"Task assignment, {self.location}"

    def takes(self, role: str) -> bool:
        """Whether people of this role are given tasks by themselves."""
        left_out = {roles.MANAGER: not self.include_managers, roles.ADMIN: not self.include_admins}
        return not left_out.get(role, False)

    def skill_for(self, task_type: str) -> str:
        """The skill that tasks of this type ask for; empty when any person will do."""
        return next((row.skill for row in self.skills.all() if row.task_type == task_type), "")


class TaskSkill(BaseModel):
    """The skill that a type of task asks for at a location that gives tasks out by skill."""

    access: ClassVar[Access] = Access(resource="settings", location="policy__location")

    policy = models.ForeignKey(AssignmentPolicy, on_delete=models.CASCADE, related_name="skills")
    task_type = models.CharField(max_length=20, choices=Task.Type.choices)
    skill = models.CharField(max_length=40, help_text="A word as it stands among a person's skills.")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=("policy", "task_type"), name="one_skill_per_task_type",
                violation_error_message="This type of task has a skill already.",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.get_task_type_display()}: {self.skill}"
