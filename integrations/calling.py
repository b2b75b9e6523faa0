"""Calls to other people's servers: where they may go, how they are signed, what an answer means, when to try again.

Pure. Signed as Standard Webhooks are: HMAC-SHA256 over `id.timestamp.body`, the timestamp in Unix seconds.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

from integrations.answers import retry_after_seconds

OutcomeKind = Literal["done", "refused", "retry", "unknown"]

MAX_URL = 500
PRIVATE = "the address leads into a private network."
MAX_TRIES = 5
FIRST_RETRY = timedelta(seconds=30)
SECRET_PREFIX = "whsec_"
#: Public by their range, yet services of the cloud that a server runs in.
_INSIDE = frozenset({"168.63.129.16"})
#: All that is given out of IPv6; the rest is local, reserved, or IPv4 by another way.
_UNICAST = ipaddress.IPv6Network("2000::/3")

WORDS: Mapping[str, str] = {
    "arrived": "It arrived.",
    "by_staff": "A person noted that it arrived.",
    "no_such_host": "There is no server of that name.",
    "no_connection": "The server cannot be reached.",
    "tls_failed": "The server's certificate cannot be trusted.",
    "address_not_allowed": "The address leads into a private network, where nothing is sent.",
    "redirected": "The server points elsewhere. Give the final address.",
    "no_answer": "The connection broke or took too long, so it may or may not have arrived.",
    "worker_ended": "The process ended during the call, so it may or may not have arrived.",
    "restored": "It may have arrived after the backup that the system was restored from.",
    "no_secret": "The account has no secret to sign with.",
    "no_address": "The account has no address to send to.",
    "account_off": "The account is switched off.",
    "not_configured": "E-mail is not set up: see EMAIL_URL.",
    "refused": "The server refused it.",
    "too_late": "It waited too long and has lost its meaning.",
    "broken": "It could not be put together.",
}


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """What became of one call.

    done: the receiver has it. refused: trying again cannot help. retry: it surely was not taken, or the
    receiver asks for another try, after `retry_after` seconds if it says so. unknown: the request left and no
    answer came.
    """

    kind: OutcomeKind
    code: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a call: its state, and for `waiting` when it is tried again."""

    state: str
    at: datetime | None = None


def words(code: str) -> str:
    """An outcome in words for staff."""
    if code.startswith("http_"):
        return f"The server answered {code[5:]}."
    return WORDS.get(code, code.replace("_", " ").capitalize() + "." if code else "")


# Where calls may go


def url_problem(url: str, *, allowed: Collection[str] = ()) -> str:
    """Why nothing may be sent to this address, for whoever typed it; empty when something may.

    `allowed` hosts may be anywhere. What a name resolves to is looked at when the call is made.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "this is no web address."
    if parts.scheme not in ("http", "https") or not host or any(char.isspace() for char in url):
        return "give a web address that begins with https://."
    if len(url) > MAX_URL:
        return f"the address may have {MAX_URL} characters at most."
    if parts.username is not None or parts.password is not None:
        return "leave user and password out of the address; calls are signed."
    if parts.fragment:
        return "leave out what follows the #."
    if host in allowed:
        return ""
    try:
        literal = str(ipaddress.ip_address(host))
    except ValueError:
        return ""
    return "" if is_public(literal) else PRIVATE


def is_public(address: str) -> bool:
    """Whether an IP address is on the open internet: not private, local, reserved, nor a way around that."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip not in _UNICAST or ip.sixtofour is not None or ip.teredo is not None:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and str(ip) not in _INSIDE


# Signing


def signature_headers(*, secrets: Collection[str], call_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers that tell a receiver which call this is, when it was made and that it is ours.

    One signature for each secret that is not empty, the newest first, so that a receiver may hold either.
    """
    stamp = str(int(at.timestamp()))
    signed = f"{call_id}.{stamp}.".encode() + body
    marks = [
        base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()
        for secret in secrets
        if secret
    ]
    return {
        "webhook-id": call_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{mark}" for mark in marks),
    }


def _key(secret: str) -> bytes:
    if secret.startswith(SECRET_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


# What an answer means


def of_status(status: int, *, retry_after: str | None, now: datetime) -> CallOutcome:
    """What an HTTP answer says. Redirects are never followed."""
    if 200 <= status < 300:
        return CallOutcome("done", "arrived")
    if 300 <= status < 400:
        return CallOutcome("refused", "redirected")
    code = f"http_{status}"
    if status in (408, 425, 429) or status >= 500:
        return CallOutcome("retry", code, retry_after_seconds(retry_after, now=now))
    return CallOutcome("refused", code)


def after(answer: CallOutcome, *, repeatable: bool, attempt: int, now: datetime, jitter: float) -> Next:
    """What becomes of a call after its try number `attempt` (from 1). `jitter` is a number from 0 to 1.

    `repeatable` says that the receiver can tell a second try from a second call, by its id: then no answer is
    a reason to try again. Tries wait 30 s, 2 min, 8 min, 32 min and up to half as long again, longer when the
    receiver asks; after the fifth the call is given up.
    """
    if answer.kind == "done":
        return Next("done")
    if answer.kind == "refused":
        return Next("parked")
    if answer.kind == "unknown" and (not repeatable or attempt >= MAX_TRIES):
        return Next("unknown")
    if attempt >= MAX_TRIES:
        return Next("parked")
    own = FIRST_RETRY * float(4 ** (attempt - 1)) * (1 + jitter / 2)
    return Next("waiting", now + max(own, timedelta(seconds=answer.retry_after or 0)))
