"""E-mail to patients through the mail server of EMAIL_URL."""

from __future__ import annotations

from django.conf import settings

from integrations import mail
from integrations.models import ProviderAccount
from integrations.ports import OutboundEmail, SendOutcome


class MailGateway:
    """Hands e-mails to the installation's mail server."""

    def send(self, email: OutboundEmail) -> SendOutcome:
        """Refused as not configured while there is no mail server: nothing may look sent that was not."""
        if not settings.EMAIL_CONFIGURED:
            return SendOutcome("refused", error_code="not_configured")
        return mail.send(email)


def gateway(account: ProviderAccount) -> MailGateway:
    """The gateway of an e-mail account; all are alike."""
    return MailGateway()
