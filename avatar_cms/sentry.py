"""Errors to Sentry, where SENTRY_DSN says so; without it the library is not even imported.

Of an error is told what kind it is and where in the code it happened, and nothing of what it was about: no message of
an exception (it may quote a name), no local variables, no body, header, query or cookie, nobody signed in, nothing that
was logged before. Of what is left, whatever looks like a phone number or an address is masked as in the logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from avatar_cms.logs import redact

#: Of an event, these parts and no others leave.
_KEPT = (
    "event_id", "timestamp", "level", "platform", "logger", "environment", "release", "sdk", "transaction", "type",
)  # fmt: skip
_FRAME = ("filename", "function", "module", "lineno", "context_line", "pre_context", "post_context", "in_app")


def connect() -> None:
    """Called from AppConfig.ready()."""
    if not settings.SENTRY_DSN:
        return
    import sentry_sdk

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        environment=settings.INSTALLATION or settings.ENVIRONMENT_NAME,
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=False,
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        before_send=before_send,
    )


def before_send(event: Any, hint: Any) -> Any:
    """What may leave of an event."""
    told: dict[str, Any] = {key: event[key] for key in _KEPT if key in event}
    if "exception" in event:
        told["exception"] = {"values": [_exception(one) for one in event["exception"].get("values", ())]}
    message = (event.get("logentry") or {}).get("message")
    if message:
        # The words as they stand in the code; what was put into them is left out.
        told["logentry"] = {"message": message}
    request = event.get("request")
    if request:
        told["request"] = {"method": request.get("method"), "url": request.get("url", "").partition("?")[0]}
    return redact(None, "", told)


def _exception(one: Mapping[str, Any]) -> dict[str, Any]:
    mechanism = one.get("mechanism") or {}
    frames = (one.get("stacktrace") or {}).get("frames", ())
    return {
        "type": one.get("type"),
        "module": one.get("module"),
        "mechanism": {"type": mechanism.get("type", "generic"), "handled": mechanism.get("handled")},
        "stacktrace": {"frames": [{key: frame[key] for key in _FRAME if key in frame} for frame in frames]},
    }
