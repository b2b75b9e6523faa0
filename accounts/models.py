from __future__ import annotations

import zoneinfo
from datetime import datetime, time
from functools import cached_property
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower

from accounts import hours, roles
from accounts.desk_models import DeskAction as DeskAction
from accounts.desk_models import DeskActionItem as DeskActionItem
from accounts.roles import Access
from accounts.stop_models import Installation as Installation
from accounts.stop_models import SendingStop as SendingStop
from accounts.token_models import ApiToken as ApiToken
from accounts.token_models import RefreshToken as RefreshToken
from core.models import BaseModel


def default_opening_hours() -> dict[str, list[list[str]]]:
    return {day: [list(span) for span in spans] for day, spans in hours.DEFAULT_WEEK.items()}


def default_kpi_targets() -> dict[str, float]:
    """Targets of domain.md: minutes, percentages, dollars and multiples, as each key says."""
    return {
        "speed_to_lead_minutes": 5,
        "speed_to_lead_under_5min_percentage": 80,
        "attendance_rate": 85,
        "attendance_rate_of_confirmed": 90,
        "no_show_rate": 10,
        "no_show_rate_stretch": 7,
        "rescue_rate": 50,
        "recall_conversion_rate": 30,
        "qualified_rate": 40,
        "booked_of_qualified_rate": 60,
        "cost_per_acquisition": 30,
        "return_on_spend": 10,
    }


def validate_time_zone(value: str) -> None:
    if value not in zoneinfo.available_timezones():
        raise ValidationError(f"“{value}” is not a time zone. Use a name such as Australia/Sydney.")


def validate_opening_hours(value: object) -> None:
    try:
        hours.parse_week(value)
    except ValueError as error:
        raise ValidationError(str(error)) from error


def validate_own_days(value: object) -> None:
    try:
        hours.parse_own_days(value)
    except ValueError as error:
        raise ValidationError(str(error)) from error


class Location(BaseModel):
    """A clinic site: the tenant. Every row of a clinic belongs to one."""

    access: ClassVar[Access] = Access(resource="settings", location="pk")

    class LegalProfile(models.TextChoices):
        AU = "AU", "Australia"
        US = "US", "United States"
        CA = "CA", "Canada"

    class AutomationMode(models.TextChoices):
        OFF = "off", "Off: no rule runs"
        SHADOW = "shadow", "Shadow: runs are recorded, nothing is sent"
        LIVE = "live", "Live"

    name = models.CharField(max_length=120)
    code = models.SlugField(max_length=40, unique=True, help_text="Short name used in web addresses.")
    time_zone = models.CharField(max_length=64, default="Australia/Sydney", validators=[validate_time_zone])
    region = models.CharField(
        "phone region",
        max_length=2,
        default="AU",
        help_text="Country that phone numbers without a prefix belong to.",
    )
    currency = models.CharField(max_length=3, default="AUD")
    phone = models.CharField(max_length=32, blank=True)
    address = models.CharField(max_length=255, blank=True)
    booking_link = models.URLField(blank=True)
    review_link = models.URLField(blank=True)
    opening_hours = models.JSONField(default=default_opening_hours, validators=[validate_opening_hours])
    holiday_country = models.CharField(max_length=2, blank=True, default="AU")
    holiday_state = models.CharField(max_length=24, blank=True, default="NSW")
    holiday_own_days = models.JSONField(
        "own closing days",
        default=list,
        blank=True,
        validators=[validate_own_days],
        help_text="Dates, e.g. 2026-12-24.",
    )
    quiet_hours_start = models.TimeField(
        default=time(20), help_text="No care or marketing texts from this local time."
    )
    quiet_hours_end = models.TimeField(
        default=time(8), help_text="Texts may go out again from this local time."
    )
    daily_at = models.TimeField(
        "daily rules at", default=time(0, 30), help_text="When a day begins for daily rules, local time."
    )
    legal_profile = models.CharField(max_length=2, choices=LegalProfile.choices, default=LegalProfile.AU)
    kpi_targets = models.JSONField("KPI targets", default=default_kpi_targets, blank=True)
    daily_sms_cap_cents = models.PositiveIntegerField(
        "daily SMS cost cap (cents)",
        default=5000,
        help_text="Texts above this cost per day are held for a person.",
    )
    automation_mode = models.CharField(
        max_length=8, choices=AutomationMode.choices, default=AutomationMode.SHADOW
    )
    live_since = models.DateTimeField(null=True, blank=True, help_text="When automation went live here.")
    settings = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ("name",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                name="location_live_has_a_moment",
                condition=~models.Q(automation_mode="live") | models.Q(live_since__isnull=False),
                violation_error_message="Automation that is live needs the moment it went live.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)

    @property
    def hours(self) -> hours.Hours:
        """Opening hours with holidays, ready to be asked."""
        return hours.Hours(
            week=hours.parse_week(self.opening_hours),
            zone=self.zone,
            own_days=hours.parse_own_days(self.holiday_own_days),
            country=self.holiday_country,
            state=self.holiday_state,
        )

    def local(self, moment: datetime) -> datetime:
        """The same instant on this clinic's clock."""
        return moment.astimezone(self.zone)

    def end_of_business_day(self, now: datetime) -> datetime:
        """Closing time (UTC) of the current business day, or of the next open day once that has passed."""
        return self.hours.end_of_business_day(now)


class UserManager(BaseUserManager["User"]):
    """Staff accounts by lower-cased e-mail."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A new account; without a password nobody can log in to it."""
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """The first account of an installation, used to make the others; it may do everything."""
        return self.create_user(email, password, is_superuser=True, **fields)


class User(AbstractBaseUser, BaseModel):
    """A staff member. What they may do comes from their memberships and overrides, never from flags here."""

    access: ClassVar[Access] = Access(resource="users", location="memberships__location", owner="pk")

    email = models.EmailField(
        "e-mail", unique=True, error_messages={"unique": "Someone already uses this e-mail."}
    )
    name = models.CharField(max_length=120)
    skills = models.JSONField(default=list, blank=True, help_text="Words that tasks are matched by.")
    is_active = models.BooleanField(
        "active", default=True, help_text="Untick when someone leaves: their sessions and tokens end at once."
    )
    is_superuser = models.BooleanField("bootstrap account", default=False, editable=False)
    default_location = models.ForeignKey(
        Location,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Where they start.",
    )
    token_version = models.PositiveIntegerField(default=1, editable=False)

    objects = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        ordering = ("name", "email")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(name="user_email_lower_case", condition=models.Q(email=Lower("email"))),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.strip().lower()

    def clean_fields(self, exclude: Any = None) -> None:
        self.email = (self.email or "").strip().lower()
        super().clean_fields(exclude=exclude)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.email = self.email.strip().lower()
        super().save(*args, **kwargs)

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name.split(" ")[0] if self.name else self.email

    @property
    def is_staff(self) -> bool:
        """Every active account may open the admin; the gate decides what it shows."""
        return self.is_active

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Django's own permissions are not used here: only the bootstrap account holds them."""
        return self.is_active and self.is_superuser

    def has_perms(self, perm_list: Any, obj: object = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active

    @cached_property
    def held_memberships(self) -> tuple[Membership, ...]:
        """Roles with their clinics, loaded once per object."""
        return tuple(self.memberships.all())

    @cached_property
    def grants(self) -> tuple[roles.Grant, ...]:
        """Memberships as the gate reads them."""
        held = tuple(roles.Grant(m.role, m.location_id) for m in self.held_memberships)
        return (*held, roles.Grant(roles.ADMIN, None)) if self.is_superuser else held

    @cached_property
    def own_rules(self) -> tuple[roles.Override, ...]:
        """Permission overrides as the gate reads them, loaded once per object."""
        return tuple(
            roles.Override(o.resource, o.action, o.allow, o.own_location_only, o.own_records_only)
            for o in self.permission_overrides.all()
        )

    #: Scopes of the machine token this request came with; None for a person.
    token_scopes: frozenset[str] | None = None

    @property
    def role(self) -> str:
        """The strongest role held anywhere, for display; empty for an account without a membership."""
        held = {grant.role for grant in self.grants}
        return next((role for role in roles.ROLES if role in held), "")


class MembershipManager(models.Manager["Membership"]):
    """A role is read together with the clinic it holds in: whoever asks for one wants to know the other."""

    def get_queryset(self) -> models.QuerySet[Membership]:
        return super().get_queryset().select_related("location")


class Membership(BaseModel):
    """A person's role in one location; an admin's has no location and holds everywhere."""

    access: ClassVar[Access] = Access(resource="users", location="location", owner="user")

    class Role(models.TextChoices):
        ADMIN = roles.ADMIN, "Admin"
        MANAGER = roles.MANAGER, "Manager"
        STAFF = roles.STAFF, "Staff"
        READONLY = roles.READONLY, "Read only"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    location = models.ForeignKey(
        Location,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="memberships",
        help_text="Leave empty for an admin, who works in every location.",
    )
    role = models.CharField(max_length=8, choices=Role.choices)

    objects = MembershipManager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                name="one_role_per_location",
                fields=("user", "location"),
                violation_error_message="This person already has a role there.",
            ),
            models.UniqueConstraint(
                name="one_role_everywhere",
                fields=("user",),
                condition=models.Q(location__isnull=True),
                violation_error_message="This person already works in every location.",
            ),
            models.CheckConstraint(
                name="only_admins_work_everywhere",
                condition=models.Q(role="admin", location__isnull=True)
                | (~models.Q(role="admin") & models.Q(location__isnull=False)),
                violation_error_message="Choose a location; only an admin works in every location.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()}, {self.location or 'every location'}"

    def clean_fields(self, exclude: Any = None) -> None:
        self._admins_are_everywhere()
        super().clean_fields(exclude=exclude)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self._admins_are_everywhere()
        super().save(*args, **kwargs)

    def _admins_are_everywhere(self) -> None:
        if self.role == roles.ADMIN:
            self.location = None


class PermissionOverride(BaseModel):
    """One person's own answer for a resource and action, in place of what their role says."""

    access: ClassVar[Access] = Access(resource="users", location="user__memberships__location", owner="user")

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="permission_overrides")
    resource = models.CharField(
        max_length=16, choices=[(name, name.capitalize()) for name in roles.RESOURCES]
    )
    action = models.CharField(max_length=8, choices=[(name, name.capitalize()) for name in roles.ACTIONS])
    allow = models.BooleanField(default=True, help_text="Untick to forbid it.")
    own_location_only = models.BooleanField(default=False, help_text="Only at the person's default location.")
    own_records_only = models.BooleanField(default=False, help_text="Only rows that belong to the person.")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                name="one_override_per_permission",
                fields=("user", "resource", "action"),
                violation_error_message="There is already an override for this permission.",
            ),
        ]

    def __str__(self) -> str:
        return f"{'may' if self.allow else 'may not'} {self.action} {self.resource}"
