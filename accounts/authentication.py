"""Who is calling the API: a bearer of an access token or a machine token. Browser sessions are DRF's own
class.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from accounts import tokens
from accounts.models import User


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>` or `Bearer act_…`."""

    def authenticate(self, request: Request) -> tuple[User, Any] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != b"bearer":
            return None
        if len(parts) != 2:
            raise exceptions.AuthenticationFailed("Send one token: Authorization: Bearer <token>.")
        token = parts[1].decode("latin-1")
        try:
            if token.startswith(tokens.API_PREFIX):
                return tokens.user_of_api_token(token), None
            return tokens.user_of_access_token(token)
        except tokens.SignInRefused as error:
            raise _Refused(error) from error

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class _Refused(exceptions.AuthenticationFailed):
    def __init__(self, error: tokens.SignInRefused) -> None:
        super().__init__(error.message)
        self.error_code = error.code


class BearerScheme(OpenApiAuthenticationExtension):
    """How the API document names it."""

    target_class = "accounts.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An access token from /api/auth/token, or a machine token beginning act_.",
        }
