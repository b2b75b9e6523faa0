from __future__ import annotations

from integrations.ports import (
    BookingDelivery,
    Capabilities,
    Customer,
    InboundSms,
    LookupAnswer,
    SendOutcome,
    delivery_key,
)


def test_a_delivery_is_known_by_its_id_else_by_the_hash_of_its_body() -> None:
    assert delivery_key("evt-1", b"{}") == "evt-1"
    assert delivery_key("", b"{}") == (
        "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    )
    assert delivery_key("", b"{ }") != delivery_key("", b"{}")


def test_what_is_not_said_is_empty() -> None:
    delivery = BookingDelivery(kind="created", booking_id="b", form="simple")
    assert (
        delivery.sequence,
        delivery.start,
        delivery.end,
        delivery.occurred_at,
        delivery.previous_start,
    ) == (None,) * 5
    assert delivery.customer == Customer("", "", "", "")
    assert delivery.triggered_by_anonymize is False
    assert InboundSms("1", "a", "b", "c").at is None


def test_a_gateway_can_do_nothing_until_it_says_so() -> None:
    assert Capabilities() == Capabilities(idempotency=None, search=False, echo_ref=False, receipts=False)
    assert SendOutcome("unknown") == SendOutcome("unknown", "", "", None, None, None)
    assert LookupAnswer("absent").status == "accepted"
