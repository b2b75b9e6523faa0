"""What every SMS gateway promises, asked of each against its provider's server on this machine."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from accounts.models import Location
from integrations import gateways, http
from integrations.models import Provider, ProviderAccount
from integrations.ports import DeliveryReceipt, OutboundSms, SendOutcome, SmsGateway
from integrations.providers import clicksend_format, messagemedia_format, twilio_format
from integrations.providers import messagemedia as messagemedia_gateway
from tests.fakes.clicksend import FakeClickSend
from tests.fakes.messagemedia import FakeMessageMedia
from tests.fakes.server import FakeProvider, Fault
from tests.fakes.twilio import FakeTwilio, signature

ZONE = ZoneInfo("Australia/Sydney")
PUBLIC = "https://cms.example"


@dataclass
class Line:
    """A gateway and the server it speaks to."""

    gateway: SmsGateway
    provider: FakeProvider
    parse: Callable[..., DeliveryReceipt]
    delivered: str
    posted: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        def keep(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
            self.posted.append((url, body, headers))
            return 200, b""

        self.provider.deliver = keep

    def sent(self) -> int:
        return len(self.provider.journal)


@contextmanager
def twilio(settings: Any) -> Iterator[Line]:
    with FakeTwilio() as fake:
        settings.TWILIO_API_URL = fake.url
        account = _account(Provider.TWILIO, account_sid=fake.account_sid, auth_token=fake.auth_token)
        yield Line(gateways.for_account(account), fake, twilio_format.parse_receipt, "delivered")


@contextmanager
def clicksend(settings: Any) -> Iterator[Line]:
    with FakeClickSend(receipt_url=f"{PUBLIC}/webhooks/sms/receipt/t") as fake:
        settings.CLICKSEND_API_URL = fake.url
        account = _account(Provider.CLICKSEND, username=fake.login[0], api_key=fake.login[1])
        yield Line(gateways.for_account(account), fake, clicksend_format.parse_receipt, "201")


@contextmanager
def messagemedia(settings: Any) -> Iterator[Line]:
    with FakeMessageMedia() as fake:
        settings.MESSAGEMEDIA_API_URL = fake.url
        account = _account(Provider.MESSAGEMEDIA, api_key=fake.login[0], api_secret=fake.login[1])
        yield Line(gateways.for_account(account), fake, messagemedia_format.parse_receipt, "delivered")


LINES = {"twilio": twilio, "clicksend": clicksend, "messagemedia": messagemedia}
#: Where each is, in the settings.
ADDRESSES = ("TWILIO_API_URL", "CLICKSEND_API_URL", "MESSAGEMEDIA_API_URL")


def move_all(settings: Any, url: str) -> None:
    """Every provider is at this address now."""
    for name in ADDRESSES:
        setattr(settings, name, url)


def _account(provider: str, **credentials: str) -> ProviderAccount:
    location = Location(name="Avatar Imaging Sydney", code="sydney", currency="AUD")
    return ProviderAccount(location=location, provider=provider, credentials=credentials)


@pytest.fixture(params=LINES)
def line(request: pytest.FixtureRequest, settings: Any) -> Iterator[Line]:
    settings.PUBLIC_URL = PUBLIC
    with LINES[request.param](settings) as line:
        yield line


@pytest.fixture
def console() -> SmsGateway:
    return gateways.for_account(_account(Provider.CONSOLE))


def text(**more: Any) -> OutboundSms:
    reference = str(uuid4())
    return OutboundSms("+61412345678", "+61480000001", f"See you at 3pm. {reference[:8]}", reference, **more)


def send(gateway: SmsGateway, sms: OutboundSms) -> SendOutcome:
    """What becomes of one text by itself."""
    [outcome] = gateway.send_many([sms])
    return outcome


# Sending


def test_a_text_is_taken_once_with_its_id_and_its_segments_where_they_are_told(line: Line) -> None:
    sms = text()
    outcome = send(line.gateway, sms)
    [taken] = line.provider.journal
    segments = None if line.provider.name == "messagemedia" else 1
    assert (outcome.kind, outcome.provider_message_id, outcome.segments) == (
        "accepted",
        taken["id"],
        segments,
    )
    assert (taken["to"], taken["from"], taken["body"]) == (sms.to, sms.from_, sms.body)


@pytest.mark.parametrize(
    ("fault", "kind", "word", "taken"),
    [
        ("reset", "unknown", "no_answer", 0),
        ("accept_then_reset", "unknown", "no_answer", 1),
        ("accept_then_500", "unknown", "http_500", 1),
        ("malformed", "unknown", "http_200", 1),
        ("error_500", "unknown", "http_500", 0),
        ("busy", "retry", "busy", 0),
        ("unauthorized", "retry", "bad_credentials", 0),
        ("no_credit", "retry", "no_credit", 0),
        ("opted_out", "refused", "opted_out", 0),
        ("invalid_number", "refused", "invalid_number", 0),
        ("no_sender", "refused", "no_sender", 0),
    ],
)
def test_every_end_of_a_call_is_taken_for_what_it_proves(
    line: Line, fault: str, kind: str, word: str, taken: int
) -> None:
    line.provider.script(fault)
    outcome = send(line.gateway, text())
    assert (outcome.kind, outcome.error_code, line.sent()) == (kind, word, taken)
    assert send(line.gateway, text()).kind == "accepted", "and the next one goes as if nothing had been"


def test_a_throttled_call_says_how_long_to_wait(line: Line) -> None:
    line.provider.script(Fault("busy", retry_after="42"))
    assert send(line.gateway, text()).retry_after == 42.0


def test_silence_after_the_request_left_is_unknown(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "READ_SECONDS", 0.3)
    line.provider.script(Fault("slow", seconds=1.0))
    assert (send(line.gateway, text()).kind, line.sent()) == ("unknown", 0)


@pytest.mark.parametrize("name", LINES)
def test_nobody_there_is_tried_again(name: str, settings: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with LINES[name](settings) as line:
        move_all(settings, f"http://127.0.0.1:{port}")
        outcome = send(line.gateway, text())
    assert (outcome.kind, outcome.error_code) == ("retry", "not_connected")


def test_a_certificate_of_nobodys_stops_the_call_before_it_leaves(
    settings: Any, line: Line, tmp_path: Any
) -> None:
    with _tls(tmp_path) as url:
        move_all(settings, url)
        outcome = send(line.gateway, text())
    assert (outcome.kind, outcome.error_code) == ("retry", "not_connected")


@pytest.mark.parametrize("provider", [Provider.TWILIO, Provider.CLICKSEND, Provider.MESSAGEMEDIA])
def test_without_credentials_nothing_is_called(provider: str) -> None:
    gateway = gateways.for_account(_account(provider))
    outcome = send(gateway, text())
    assert (outcome.kind, outcome.error_code) == ("retry", "bad_credentials")
    assert not gateway.check().works


def test_the_connection_can_be_tried_without_sending(line: Line, settings: Any) -> None:
    assert line.gateway.check().works
    line.provider.login = line.provider.auth_token = "changed"  # type: ignore[attr-defined]
    assert not line.gateway.check().works
    assert line.sent() == 0


# Several in one call


def test_texts_go_in_one_call_where_the_provider_takes_them_so(line: Line) -> None:
    texts = [text() for _ in range(min(3, line.gateway.capabilities.batch))]
    outcomes = line.gateway.send_many(texts)
    assert [(one.kind, one.provider_message_id) for one in outcomes] == [
        ("accepted", taken["id"]) for taken in line.provider.journal
    ]
    assert [taken["body"] for taken in line.provider.journal] == [sms.body for sms in texts]
    assert len(line.provider.calls) == 1


def test_each_text_of_a_call_has_an_end_of_its_own(settings: Any) -> None:
    with clicksend(settings) as line:
        assert isinstance(line.provider, FakeClickSend)
        texts = [replace(text(), to=f"+6141234567{number}") for number in range(4)]
        line.provider.refused = {texts[0].to: "invalid_number", texts[2].to: "no_credit"}
        line.provider.unsaid = {texts[1].to}
        outcomes = line.gateway.send_many(texts)
        assert [(one.kind, one.error_code) for one in outcomes] == [
            ("refused", "invalid_number"), ("unknown", "http_200"), ("retry", "no_credit"), ("accepted", ""),
        ]  # fmt: skip
        assert line.sent() == 2


def test_an_end_of_the_whole_call_is_that_of_each_text(settings: Any) -> None:
    with clicksend(settings) as line:
        for fault, kind in (("accept_then_reset", "unknown"), ("busy", "retry"), ("malformed", "unknown")):
            line.provider.script(fault)
            assert {one.kind for one in line.gateway.send_many([text() for _ in range(3)])} == {kind}


# What each declares


def test_a_second_call_with_the_same_reference_is_a_second_text(line: Line) -> None:
    assert line.gateway.capabilities.idempotency is None
    sms = text()
    ids = {send(line.gateway, sms).provider_message_id for _ in range(2)}
    assert (len(ids), line.sent()) == (2, 2)


def test_the_on_screen_phone_takes_a_reference_once(console: SmsGateway) -> None:
    assert console.capabilities.idempotency is not None
    sms = text()
    assert send(console, sms) == send(console, sms)
    assert console.lookup(sms, sent_after=datetime.now(UTC)).kind == "found"
    assert not console.capabilities.echo_ref
    assert not console.capabilities.paced
    texts = [text() for _ in range(console.capabilities.batch)]
    assert len({one.provider_message_id for one in console.send_many(texts)}) == len(texts) == 100


def test_what_became_of_a_text_without_an_answer_can_be_found_out_where_it_can_be_asked(line: Line) -> None:
    if not line.gateway.capabilities.search:
        line.provider.script("accept_then_reset")
        assert send(line.gateway, lost := text()).kind == "unknown"
        assert line.gateway.lookup(lost, sent_after=datetime.now(UTC)).kind == "unsure"
        return
    lost, never = text(), text()
    line.provider.script("accept_then_reset", "reset")
    since = datetime.now(UTC) - timedelta(minutes=10)
    assert [send(line.gateway, sms).kind for sms in (lost, never)] == ["unknown", "unknown"]

    known = line.gateway.lookup(lost, sent_after=since)
    assert (known.kind, known.provider_message_id) == ("found", line.provider.journal[0]["id"])
    assert line.gateway.lookup(never, sent_after=since).kind == "absent"
    assert line.gateway.capabilities.search_lag > timedelta(0)


def test_a_search_that_fails_settles_nothing(line: Line, settings: Any) -> None:
    move_all(settings, f"{line.provider.url}/nowhere")
    assert line.gateway.lookup(text(), sent_after=datetime.now(UTC)).kind == "unsure"


def test_a_text_is_found_on_a_later_page(settings: Any) -> None:
    with clicksend(settings) as line:
        wanted = text()
        for sms in [*(text() for _ in range(101)), wanted]:
            send(line.gateway, sms)
        known = line.gateway.lookup(wanted, sent_after=datetime.now(UTC) - timedelta(minutes=1))
        assert known.kind == "found"


def test_receipts_arrive_and_bring_our_reference_back(line: Line) -> None:
    assert line.gateway.capabilities.receipts
    assert line.gateway.capabilities.echo_ref
    sms = text()
    sent = send(line.gateway, sms)
    line.provider.report(sent.provider_message_id, line.delivered)
    [(url, body, headers)] = line.posted
    told = line.parse(body, zone=ZONE)
    assert (told.provider_message_id, told.status) == (sent.provider_message_id, "delivered")
    assert sms.reference in (told.reference, *parse_qs(urlsplit(url).query).get("ref", []))
    assert url.startswith(PUBLIC)
    assert "X-Twilio-Signature" not in headers or headers["X-Twilio-Signature"] == signature(
        url, {k: v[0] for k, v in parse_qs(body.decode(), keep_blank_values=True).items()}, "twilio-token"
    )


@pytest.mark.parametrize(("name", "field"), [("twilio", "StatusCallback"), ("messagemedia", "callback_url")])
def test_nobody_is_told_an_address_that_could_not_be_reached(name: str, field: str, settings: Any) -> None:
    for public, told in (("", False), (PUBLIC, True)):
        settings.PUBLIC_URL = public
        with LINES[name](settings) as line:
            send(line.gateway, text())
            assert (field in line.provider.calls[0].body.decode()) is told


@pytest.mark.parametrize("fault", ["accept_then_reset", "accept_then_500", "malformed"])
def test_a_receipt_settles_what_messagemedia_cannot_be_asked(fault: str, settings: Any) -> None:
    with messagemedia(settings) as line:
        assert isinstance(line.provider, FakeMessageMedia)
        line.provider.script(fault)
        assert send(line.gateway, sms := text()).kind == "unknown"
        [taken] = line.provider.journal
        line.provider.callback_url = f"{PUBLIC}/account"
        line.provider.report(taken["id"], "enroute")
        assert line.parse(line.posted[0][1], zone=ZONE).reference == sms.reference


def test_one_invalid_text_keeps_no_other_from_going_and_is_found_out(settings: Any) -> None:
    with messagemedia(settings) as line:
        assert isinstance(line.provider, FakeMessageMedia)
        texts = [replace(text(), to=f"+614123456{number:02}") for number in range(20)]
        line.provider.invalid = {texts[3].to, texts[4].to, texts[19].to}
        outcomes = line.gateway.send_many(texts)
        bad = [sms.to for sms, one in zip(texts, outcomes, strict=True) if one.error_code == "invalid_number"]
        assert set(bad) == line.provider.invalid
        assert sorted(one.kind for one in outcomes) == ["accepted"] * 17 + ["refused"] * 3
        assert sorted(taken["to"] for taken in line.provider.journal) == sorted(
            sms.to for sms in texts if sms.to not in line.provider.invalid
        )


def test_a_refused_set_is_not_divided_for_longer_than_it_may_take(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messagemedia_gateway, "DIVIDING_SECONDS", -1.0)
    with messagemedia(settings) as line:
        assert isinstance(line.provider, FakeMessageMedia)
        line.provider.invalid = {text().to}
        outcomes = line.gateway.send_many([text(), text()])
        assert ([one.kind for one in outcomes], len(line.provider.calls)) == (["retry", "retry"], 1)


def test_once_its_time_is_over_no_part_of_a_divided_set_is_called_for(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messagemedia_gateway, "DIVIDING_SECONDS", 2.5)
    monkeypatch.setattr(messagemedia_gateway, "monotonic", count().__next__)
    with messagemedia(settings) as line:
        assert isinstance(line.provider, FakeMessageMedia)
        line.provider.invalid = {text().to}
        outcomes = line.gateway.send_many([text() for _ in range(8)])
        assert ([one.kind for one in outcomes], len(line.provider.calls)) == (["retry"] * 8, 3)


def test_the_same_words_within_a_day_are_withheld_where_the_account_says_so(settings: Any) -> None:
    with messagemedia(settings) as line:
        assert isinstance(line.provider, FakeMessageMedia)
        first, second = text(), text()
        same = replace(second, body=first.body)
        for refuse_same, sent in ((False, 2), (True, 2)):
            line.provider.refuse_same = refuse_same
            for sms in (first, same) if not refuse_same else (same,):
                assert send(line.gateway, sms).kind == "accepted"
            assert line.sent() == sent
        [withheld] = line.provider.unconfirmed["delivery_reports"]
        assert withheld["status"] == "rejected"


def test_a_sub_account_is_named_in_every_call(settings: Any) -> None:
    with FakeMessageMedia() as fake:
        settings.MESSAGEMEDIA_API_URL = fake.url
        account = _account(
            Provider.MESSAGEMEDIA, api_key=fake.login[0], api_secret=fake.login[1], sub_account="Sydney"
        )
        send(gateways.for_account(account), text())
        assert gateways.for_account(account).check().works
        assert [call.headers["Account"] for call in fake.calls] == ["Sydney", "Sydney"]


def test_an_api_key_sends_in_place_of_the_token(settings: Any) -> None:
    with FakeTwilio() as fake:
        settings.TWILIO_API_URL = fake.url
        account = _account(
            Provider.TWILIO,
            account_sid=fake.account_sid,
            auth_token="t",
            api_key_sid="SK1",
            api_key_secret="s",
        )
        send(gateways.for_account(account), text())
        assert fake.calls[0].login == ("SK1", "s")


def test_no_redirect_is_followed(settings: Any) -> None:
    class Moved(FakeTwilio):
        def answer(self, call: Any) -> Any:
            from tests.fakes.server import Reply

            return Reply(302, b"", {"Location": "http://169.254.169.254/latest"})

    with Moved() as fake:
        settings.TWILIO_API_URL = fake.url
        account = _account(Provider.TWILIO, account_sid=fake.account_sid, auth_token="t")
        assert send(gateways.for_account(account), text()).kind == "unknown"
        assert len(fake.calls) == 1


@contextmanager
def _tls(folder: Any) -> Iterator[str]:
    """A server whose certificate nobody trusts."""
    import ssl
    import threading

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def shake() -> None:
            connection, _ = server.accept()
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

        thread = threading.Thread(target=shake, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}"
        thread.join(5)
