"""The HTTP API: Django REST framework and its OpenAPI document."""

from __future__ import annotations

from typing import Any

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": (
        "accounts.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ),
    "DEFAULT_PERMISSION_CLASSES": ("rest_framework.permissions.IsAuthenticated",),
    "DEFAULT_PARSER_CLASSES": ("core.api_parsers.LimitedJSONParser",),
    "DEFAULT_RENDERER_CLASSES": ("rest_framework.renderers.JSONRenderer",),
    "DEFAULT_PAGINATION_CLASS": "core.api_paging.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "core.api_schema.AutoSchema",
    "EXCEPTION_HANDLER": "core.api_errors.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "COERCE_DECIMAL_TO_STRING": False,
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Avatar Imaging CMS",
    "DESCRIPTION": "Contacts, bookings, tasks, messages and automation of a clinic.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["core.api_schema.without_trailing_slash"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # Where several lists of choices share a field name, each gets a name of its own.
    "ENUM_NAME_OVERRIDES": {
        "ContactChannelEnum": "contacts.vocabulary.Channel",
        "ContactSourceEnum": "contacts.vocabulary.Source",
        "MessageChannelEnum": "messaging.models.Channel",
        "MessageStatusEnum": "messaging.models.Status",
        "BookingStatusEnum": "bookings.models.Status",
        "BookingSourceEnum": "bookings.models.Source",
        "BookingOutcomeEnum": "bookings.models.Booking.Outcome",
        "TaskStatusEnum": "tasks.models.Task.Status",
        "TaskOutcomeEnum": "tasks.models.Task.Outcome",
        "RunStateEnum": "automation.models.RuleRun.State",
        "WorkStateEnum": "core.models.Work.State",
        "ConversationStateEnum": "messaging.models.Conversation.State",
        "BulkStateEnum": "messaging.models.BulkSend.State",
    },
}
