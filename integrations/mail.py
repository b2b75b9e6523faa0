"""E-mail through Django's mail backend, as EMAIL_URL says. One attempt; what it proves is named, never guessed."""

from __future__ import annotations

import logging
import smtplib
from contextlib import suppress
from email.utils import parseaddr

from django.core.mail import EmailMessage, get_connection

from integrations.ports import OutboundEmail, SendOutcome

logger = logging.getLogger(__name__)


def send(email: OutboundEmail) -> SendOutcome:
    """Hand one e-mail over. Its Message-ID is made from our reference, so that it is the same at every try."""
    message_id = message_id_of(email)
    message = EmailMessage(
        subject=email.subject,
        body=email.body,
        from_email=email.from_,
        to=[email.to],
        headers={"Message-ID": message_id, "Auto-Submitted": "auto-generated", **email.headers},
    )
    connection = get_connection()
    try:
        connection.open()
        server = getattr(connection, "connection", None)
        if isinstance(server, smtplib.SMTP):
            server.ehlo_or_helo_if_needed()
    except (OSError, smtplib.SMTPException) as error:
        # Nothing was said yet, so nothing can have been taken.
        logger.warning("mail server not reached", extra={"error": type(error).__name__})
        return SendOutcome("retry", error_code="no_connection")
    try:
        connection.send_messages([message])
    except Exception as error:
        return _failed(error)
    finally:
        # The answer is in; how the server says goodbye changes nothing.
        with suppress(OSError, smtplib.SMTPException):
            connection.close()
    return SendOutcome("accepted", provider_message_id=message_id, cost_cents=0)


def message_id_of(email: OutboundEmail) -> str:
    """The Message-ID of an e-mail: our reference at the sender's domain."""
    domain = parseaddr(email.from_)[1].rpartition("@")[2] or "localhost"
    return f"<{email.reference}@{domain}>"


def _failed(error: Exception) -> SendOutcome:
    """A refusal by its code, for good from 500; anything else leaves it unknown whether the server took it."""
    code, text = 0, b""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()), (0, b""))
    elif isinstance(error, smtplib.SMTPResponseException):
        code, text = error.smtp_code, _bytes(error.smtp_error)
    if 400 <= code < 500:
        return SendOutcome("retry", error_code=f"smtp_{code}")
    if 500 <= code < 600:
        # 5.1.x speaks of the address itself (RFC 3463); other refusals are about the text or about us.
        bad = isinstance(error, smtplib.SMTPRecipientsRefused) and _bytes(text).lstrip().startswith(b"5.1.")
        return SendOutcome("refused", error_code="invalid_address" if bad else f"smtp_{code}")
    if isinstance(error, ValueError):
        # Refused by Django before anything was said: a header with a line break, an address that is none.
        return SendOutcome("refused", error_code="invalid_address")
    logger.warning("mail server gave no answer", extra={"error": type(error).__name__})
    return SendOutcome("unknown", error_code="no_answer")


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "replace")
