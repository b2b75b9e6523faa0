"""What proves who asks at the API: refresh tokens of log-ins, keys of machines. See `accounts.tokens`."""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models

from accounts import roles
from accounts.roles import Access
from core.models import BaseModel


class RefreshToken(BaseModel):
    """One link in a chain of single-use refresh tokens; a family is one log-in on one client."""

    access: ClassVar[Access] = Access(resource="users", location="user__memberships__location", owner="user")

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="refresh_tokens")
    family = models.UUIDField(db_index=True)
    digest = models.CharField(
        max_length=64, unique=True, help_text="SHA-256 of the token; the token is never stored."
    )
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True, help_text="When it was exchanged for the next one.")
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"refresh token {self.public_id}"


class ApiToken(BaseModel):
    """A machine's key: it acts for a person, within that person's permissions and its own scopes."""

    access: ClassVar[Access] = Access(resource="users", location="user__memberships__location", owner="user")

    user = models.ForeignKey(
        "accounts.User",
        on_delete=models.CASCADE,
        related_name="api_tokens",
        help_text="The account it acts for.",
    )
    name = models.CharField(max_length=80, help_text="What uses it.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    prefix = models.CharField("begins with", max_length=16, editable=False)
    scopes = models.JSONField(default=list, help_text="Permissions such as contacts:read or tasks:*.")
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def clean(self) -> None:
        super().clean()
        known = set(roles.known_scopes())
        if not isinstance(self.scopes, list) or not self.scopes or not set(map(str, self.scopes)) <= known:
            raise ValidationError({"scopes": 'Give a list of scopes such as ["contacts:read", "tasks:*"].'})
