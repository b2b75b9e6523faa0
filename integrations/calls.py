"""What each kind of call sends, from its row: a signed webhook, a Slack notice, an e-mail to staff.

A row without a location is an alert of the system itself; its Slack address is a setting, not an account's.
"""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings

from core import clock
from integrations import calling, mail, safe_http
from integrations.calling import CallOutcome
from integrations.models import OutboundCall
from integrations.ports import OutboundEmail, SendOutcome

AGENT = "AvatarImagingCMS/1"
#: What Slack reads as markup, in a text that is none.
_SLACK = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_ENDS = {"accepted": "done", "refused": "refused", "retry": "retry", "unknown": "unknown"}


def allowed_hosts() -> frozenset[str]:
    """Hosts that may be called wherever they are: the installation's own machines."""
    return frozenset(host.lower() for host in settings.OUTBOUND_ALLOWED_HOSTS)


def make(call: OutboundCall) -> CallOutcome:
    """Make it, with no transaction open, and say what became of it."""
    if call.account is not None and not call.account.enabled:
        return CallOutcome("refused", "account_off")
    payload: Any = call.payload
    return _MAKERS[OutboundCall.Kind(call.kind)](call, payload)


def _webhook(call: OutboundCall, payload: dict[str, Any]) -> CallOutcome:
    own = _credentials(call)
    secrets = [own.get("webhook_secret", ""), own.get("previous_webhook_secret", "")]
    if not secrets[0]:
        return CallOutcome("refused", "no_secret")
    body = json.dumps(payload["body"], separators=(",", ":")).encode()
    headers = calling.signature_headers(
        secrets=secrets, call_id=str(call.public_id), at=clock.now(), body=body
    )
    outcome, _ = safe_http.post(payload["url"], body=body, headers=_json(headers), allowed=allowed_hosts())
    return outcome


def _slack(call: OutboundCall, payload: dict[str, Any]) -> CallOutcome:
    url = _credentials(call).get("webhook_url", "") if call.location_id else settings.ALERT_SLACK_URL
    if not url:
        return CallOutcome("refused", "no_address")
    body = json.dumps({"text": payload["text"].translate(_SLACK)}).encode()
    outcome, said = safe_http.post(url, body=body, headers=_json({}), allowed=allowed_hosts())
    if outcome.kind == "refused" and said.isascii() and said.replace("_", "").isalnum():
        return CallOutcome("refused", said[:40])  # A word such as channel_is_archived.
    return outcome


def _email(call: OutboundCall, payload: dict[str, Any]) -> CallOutcome:
    if not settings.EMAIL_CONFIGURED or not settings.DEFAULT_FROM_EMAIL:
        return CallOutcome("refused", "not_configured")
    sent = mail.send(
        OutboundEmail(
            to=payload["to"],
            from_=settings.DEFAULT_FROM_EMAIL,
            subject=payload["subject"],
            body=payload["text"],
            reference=str(call.public_id),
        )
    )
    return _ended(sent)


def _ended(sent: SendOutcome) -> CallOutcome:
    kind: Any = _ENDS[sent.kind]
    return CallOutcome(kind, "arrived" if kind == "done" else sent.error_code or "refused", sent.retry_after)


def _json(headers: dict[str, str]) -> dict[str, str]:
    return {"Content-Type": "application/json", "User-Agent": AGENT, **headers}


def _credentials(call: OutboundCall) -> dict[str, str]:
    own: Any = call.account.credentials if call.account is not None else {}
    return dict(own)


_MAKERS = {
    OutboundCall.Kind.WEBHOOK: _webhook,
    OutboundCall.Kind.SLACK: _slack,
    OutboundCall.Kind.EMAIL_NOTICE: _email,
}
