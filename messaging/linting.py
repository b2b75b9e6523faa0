"""What is wrong with a wording before anybody gets it. Pure.

A text is read by whoever holds the phone. So beside what keeps it from being filled in (`rendering`), this
looks for what must not stand in it: health, services that give it away, links that hide where they lead. Errors
keep a wording from being saved or sent; warnings are for the writer to weigh. Each says what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from core.errors import Invalid
from messaging import rendering, segments
from messaging.health_words import CLEAR, LIKELY

Level = Literal["error", "warning"]
Kind = Literal["template", "bulk", "reply"]

#: Placeholders somebody may wish for, that would say what a visit is about.
TELLING = frozenset(
    {"service", "services", "procedure", "treatment", "diagnosis", "result", "results", "notes"}
)
SHORTENERS = frozenset(
    {
        "bit.ly", "bitly.com", "bl.ink", "buff.ly", "cutt.ly", "goo.gl", "is.gd", "lnkd.in", "ow.ly", "rb.gy",
        "rebrand.ly", "s.id", "short.io", "shorturl.at", "t.co", "t.ly", "tiny.cc", "tinyurl.com", "v.gd",
    }
)  # fmt: skip
#: Placeholders that are addresses themselves; any other inside an address carries a person's data along.
LINKS = frozenset({"booking_link", "review_link", "referral_link", "deposit_link"})
LONG = 3
"""Segments from which on a text is called long."""

# As long as names in addresses can be, so that a text of nothing else takes no time.
_LINK = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]{0,20})://)?(?P<host>(?:[a-z0-9-]{1,63}\.){1,10}[a-z]{2,63})"
    r"(?P<rest>[/?#]\S*)?", re.IGNORECASE,
)  # fmt: skip
_TOKEN = re.compile(r"\{([^{}]*)\}")
_ADDRESS = re.compile(r"(?<!\S)[^\s@/]+@[^\s@/]+\.[^\s@/]+")
_NUMBER = re.compile(r"\+?\d[\d ()-]{6,}\d")
_OPT_OUT = re.compile(r"\bSTOP\b")
_UNSUBSCRIBE = re.compile(r"\b(unsubscribe|opt out)\b", re.IGNORECASE)
_ASKS = re.compile(
    r"\b(?:reply|answer|text|respond|write|send)\b[^.?!\n]{0,25}?\b(?:yes|y|confirm|ok)\b", re.I
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a wording: how bad, which check found it, and what to do, in words for its writer."""

    level: Level
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Wording:
    """A text with all that it is judged by.

    `kind` is a template, a text to many (`bulk`), or one that a person writes to one (`reply`), who may ask what
    they like. `services` are the clinic's services whose names give a patient away; `own_names` the clinic's own
    names, which may stand in a text whatever they hold. `shown` is the text with typical values, to be measured.
    """

    body: str
    subject: str = ""
    purpose: str = "service"
    channel: str = "sms"
    kind: Kind = "template"
    asks_answer: bool = False
    services: Sequence[str] = ()
    own_names: Sequence[str] = ()
    shown: str = ""


def lint(wording: Wording) -> list[Finding]:
    """Everything there is to say about a wording, errors first; of one far too long, only that."""
    unfit = _fillable(wording)
    if len(wording.body) > rendering.MAX_BODY:
        return unfit
    found = [
        *unfit, *_sender(wording), *_health(wording), *_links(wording), *_answers(wording),
        *_length(wording),
    ]  # fmt: skip
    return sorted(found, key=lambda finding: finding.level != "error")


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Those that keep a wording from being saved."""
    return [finding for finding in findings if finding.level == "error"]


def refuse_errors(findings: Iterable[Finding], *, field: str = "body") -> None:
    """Do nothing without an error; else raise Invalid (code `invalid_template`) with all of them at `field`."""
    wrong = [finding.text for finding in errors(findings)]
    if wrong:
        raise Invalid(" ".join(wrong), code="invalid_template", fields={field: wrong})


def _error(code: str, text: str) -> Finding:
    return Finding("error", code, text)


def _warning(code: str, text: str) -> Finding:
    return Finding("warning", code, text)


# What can be filled in


def _fillable(wording: Wording) -> list[Finding]:
    texts = [wording.body, *([wording.subject] if wording.subject.strip() else [])]
    found = []
    for text in texts:
        telling = [name for name in rendering.placeholders(text) if name.lower() in TELLING]
        found += [
            _error(
                "telling_placeholder",
                f"{{{name}}} would say what a visit is about to whoever holds the phone. "
                'There is no such placeholder; write "your visit".',
            )
            for name in telling
        ]
        rest = _TOKEN.sub(lambda token: "x" if token[1].strip().lower() in TELLING else token[0], text)
        found += [_error("placeholder", problem) for problem in rendering.problems(rest)]
    if wording.channel == "email" and not wording.subject.strip():
        found.append(_error("no_subject", "An e-mail needs a subject. Write one line that names the clinic."))
    return found


# Who writes, and the way out


def _sender(wording: Wording) -> list[Finding]:
    named = "clinic" in rendering.placeholders(f"{wording.subject} {wording.body}")
    by_mail = wording.channel == "email"
    marketing = wording.purpose == "marketing" and wording.channel in ("sms", "email")
    way_out = (_UNSUBSCRIBE if by_mail else _OPT_OUT).search(wording.body) is not None
    if marketing and not (named and way_out):
        return [
            _error(
                "marketing",
                "A marketing text must name the clinic with {clinic} and say how to opt out, "
                + (
                    'for example "Reply with unsubscribe to hear no more of this".'
                    if by_mail
                    else 'for example "Reply STOP to opt out".'
                ),
            )
        ]
    if named or wording.kind == "reply":
        return []
    text = "It does not say who writes. Name the clinic with {clinic}."
    return [_error("no_sender", text) if wording.kind == "bulk" else _warning("no_sender", text)]


# Health


def _health(wording: Wording) -> list[Finding]:
    """Words about health, in all that a person could read: a reply is only advised, its writer knows the person."""
    text = _plain(f"{wording.subject} {wording.body}", wording.own_names)
    services = [name for name in wording.services if _stands_in(name, text)]
    rest = _without(text, services)
    clear = _words(CLEAR, rest)
    likely = [word for word in _words(LIKELY, rest) if not any(word in one for one in clear)]
    strict = _warning if wording.kind == "reply" else _error
    found = [
        strict(
            "service_name",
            f'"{name}" is a service that says what the visit is about. Write "your visit" instead.',
        )
        for name in services
    ]
    if clear:
        found.append(strict("health", f'{_quoted(clear)} says something about health. Write "your visit" '
                            'or "please call us" instead.'))  # fmt: skip
    if likely:
        found.append(_warning("maybe_health", f'{_quoted(likely)} may say something about health. If it does, write '
                              '"your visit" or "please call us" instead.'))  # fmt: skip
    return found


def _plain(text: str, own_names: Sequence[str]) -> str:
    """The words that are the writer's own: without placeholders, hosts and the clinic's names, in lower case."""
    text = _TOKEN.sub(" ", text)
    # Where a link leads is read as well; the host is the clinic's name.
    text = _LINK.sub(lambda link: re.sub(r"[^\w]|_", " ", link["rest"] or ""), text)
    return _without(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"), own_names)


def _without(text: str, names: Iterable[str]) -> str:
    for name in names:
        if name.strip():
            text = re.sub(rf"(?<!\w){re.escape(name.strip().lower())}(?!\w)", " ", text)
    return text


def _stands_in(name: str, text: str) -> bool:
    return bool(name.strip()) and _without(text, [name]) != text


def _words(vocabulary: tuple[str, ...], text: str) -> list[str]:
    return list(dict.fromkeys(found[0] for found in _pattern(vocabulary).finditer(text)))


@lru_cache(maxsize=4)
def _pattern(vocabulary: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(vocabulary, key=len, reverse=True)
    words = [
        re.escape(word.removesuffix("*")) + (r"\w*" if word.endswith("*") else "") for word in longest_first
    ]
    return re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)")


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


# Links


def _links(wording: Wording) -> list[Finding]:
    found = []
    for link in _LINK.finditer(_ADDRESS.sub(" ", _keep_braces(wording.body))):
        address, scheme = link[0].rstrip(".,;:!?)"), (link["scheme"] or "").lower()
        host, rest = link["host"].lower().removeprefix("www."), (link["rest"] or "").rstrip(".,;:!?)")
        if not scheme and not rest and not link["host"].lower().startswith("www."):
            continue  # "at 2.pm", "No.Thanks": dots between words make no link.
        if host in SHORTENERS:
            found.append(_error("shortener", f"{address} hides where it leads, and phone companies drop texts with "
                                "such links. Use the clinic's own address, or {booking_link}."))  # fmt: skip
        elif scheme and scheme != "https":
            found.append(_error("not_https", f"{address} is not safe to open. Begin it with https://."))
        if _carries_a_person(rest):
            found.append(_error("data_in_link", f"{address} would carry a person's data in its address, where others "
                                "can read it. Take it out of the link."))  # fmt: skip
    return found


def _keep_braces(text: str) -> str:
    """Placeholders that are addresses are no part of another; those of people stay where they stand."""
    return re.sub(r"\{\s*(?:" + "|".join(sorted(LINKS)) + r")\s*\}", " ", text)


def _carries_a_person(rest: str) -> bool:
    return "{" in rest or "@" in rest or "%40" in rest or _NUMBER.search(rest) is not None


# Answers


def _answers(wording: Wording) -> list[Finding]:
    asks = _ASKS.search(_keep_braces(wording.body)) is not None
    if asks and wording.kind == "bulk":
        return [_error("asks_many", "Nobody would know which visit a YES to this means. Ask people to call or to "
                       "book with {booking_link} instead.")]  # fmt: skip
    if wording.kind != "template":
        return []
    if asks and not wording.asks_answer:
        return [_error("asks_unheard", 'It asks for a YES, so tick "asks for an answer", or the answer is not taken as '
                       "one to this text.")]  # fmt: skip
    if wording.asks_answer and not asks:
        return [_warning("asks_nothing", 'It is marked "asks for an answer" and does not say what to answer. Write, '
                         'for example, "Reply YES to confirm".')]  # fmt: skip
    return []


# Length


def _length(wording: Wording) -> list[Finding]:
    if wording.channel != "sms":
        return []
    size = segments.measure(wording.shown or wording.body)
    found = []
    if size.foreign:
        found.append(_warning("encoding", f"{' '.join(size.foreign)} is not in the alphabet of plain texts: "
                              "a part then holds 70 characters instead of 160."))  # fmt: skip
    if size.count > LONG:
        found.append(
            _warning("very_long", f"It takes {size.count} parts, each paid for. Say it in {LONG} at most.")
        )
    elif size.count > 1:
        found.append(_warning("long", f"It takes {size.count} parts, each paid for."))
    return found
