"""Messages that go to a provider together: who shares a call with whom, and how they are handed over.

A batch has one sender, one purpose and one message for a number: what the second one may depends on the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from email.utils import formataddr

from integrations import gateways, pacing
from integrations.models import ProviderAccount, SenderIdentity
from integrations.ports import OutboundEmail, OutboundSms, SendOutcome, SmsGateway
from messaging.models import Channel, Message, Purpose


@dataclass(frozen=True)
class Way:
    """How messages are handed over: `most` in one call, at their sender's pace if `paced`."""

    most: int
    paced: bool
    hand_over: Callable[[Sequence[Message]], list[SendOutcome]]


@dataclass
class Batch:
    """Claimed messages that go in one call, at most `most`."""

    sender: SenderIdentity
    most: int
    messages: list[Message] = field(default_factory=list)

    def takes(self, message: Message) -> bool:
        """Whether there is room for one more, to another number and for the same purpose."""
        first = self.messages[0]
        return (
            len(self.messages) < self.most
            and message.rank == first.rank
            and all(message.address != other.address for other in self.messages)
        )


def plan(claimed: Iterable[tuple[Message, SenderIdentity]]) -> list[Batch]:
    """The batches that these messages go in, in the order of their first ones."""
    batches: list[Batch] = []
    open_: dict[int, list[Batch]] = {}
    for message, sender in claimed:
        mine = open_.setdefault(sender.pk, [])
        fits = None if goes_alone(message) else next((batch for batch in mine if batch.takes(message)), None)
        if fits is None:
            fits = Batch(sender, 1 if goes_alone(message) else size_of(sender))
            batches.append(fits)
            if fits.most > 1:
                mine.append(fits)
        fits.messages.append(message)
    return batches


def goes_alone(message: Message) -> bool:
    """Whether it was in a call that the provider refused as a whole: nobody knows because of which one."""
    return message.reason.startswith("http_")


def size_of(sender: SenderIdentity) -> int:
    """How many messages of a sender go in one call: as many as its gateway takes, and no more than its carrier
    and its provider take in a second. One, while its account has yet to prove that what was wrong with it is mended.
    """
    way = way_of(sender)
    if way.most == 1 or pacing.latest_pause(sender.account) is not None:
        return 1
    return min(way.most, pacing.pace_of(sender)) if way.paced else way.most


def way_of(sender: SenderIdentity) -> Way:
    """How messages from this sender are handed over."""
    if sender.is_email:
        mailer = gateways.email_for(sender.account)
        return Way(1, False, lambda messages: [mailer.send(as_email(message)) for message in messages])
    return way_by(sender.account)


def way_by(account: ProviderAccount) -> Way:
    """How texts are handed over by an account."""
    gateway = gateways.for_account(account)
    return Way(
        gateway.capabilities.batch,
        gateway.capabilities.paced,
        lambda messages: gateway.send_many([as_sms(message) for message in messages]),
    )


def asked_about(message: Message) -> SmsGateway | None:
    """The gateway that a message went by, or was to go by; None when nobody can be asked, as of an e-mail."""
    account = message.provider_account
    if account is None or not account.enabled or message.channel == Channel.EMAIL:
        return None
    return gateways.for_account(account)


def as_sms(message: Message) -> OutboundSms:
    """What goes to the gateway, under our public id as its reference."""
    return OutboundSms(
        to=message.address, from_=message.sender, body=message.body, reference=str(message.public_id),
        expires_at=message.expires_at,
    )  # fmt: skip


def as_email(message: Message) -> OutboundEmail:
    """What goes to the mail server, from the clinic by name. Marketing can be answered with a wish to hear no more."""
    headers = {}
    if message.purpose == Purpose.MARKETING:
        headers["List-Unsubscribe"] = f"<mailto:{message.sender}?subject=unsubscribe>"
    return OutboundEmail(
        to=message.address,
        from_=formataddr((message.location.name, message.sender)),
        subject=message.subject,
        body=message.body,
        reference=str(message.public_id),
        headers=headers,
    )
