"""Doors of leads: ManyChat's flows, Meta's lead ads, and the forms of the clinic's website."""

from __future__ import annotations

import hashlib
import json
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.encoding import iri_to_uri
from django.views.decorators.csrf import csrf_exempt

from accounts.net import client_ip
from core import clock
from core.errors import DomainError, Malformed, NotAllowed, NotConfigured
from integrations import accounts, lead_accounts, limits, verify
from integrations.doors import FORM_TYPES, JSON_TYPES, TooMany, answer, check_type, door, refusal, store
from integrations.lead_accounts import Proof, Proven
from integrations.models import Kind, Provider, ProviderAccount
from integrations.ports import LeadDelivery
from integrations.providers import manychat as manychat_format
from integrations.providers import meta as meta_format
from integrations.providers import web_form as form_format

LONGEST_CHALLENGE = 200
FORM_ANSWER = "integrations/form_answer.html"


def _thread(lead: LeadDelivery, key: str) -> str:
    """Whom a lead is about: deliveries about one person are applied in order."""
    person = lead.person
    return person.contact_id or "".join(filter(str.isdigit, person.phone)) or person.email.lower() or key


def _key(account: ProviderAccount, lead: LeadDelivery, body: bytes) -> str:
    """The key of a delivery. Without one of the sender's it is the body's, of that day: whoever sends the same
    again another day means it again."""
    if lead.external_event_id:
        return f"event:{lead.external_event_id}"
    day = account.location.local(clock.now()).date()
    return f"{day}:{hashlib.sha256(body).hexdigest()}"


# ManyChat


@door
def manychat(request: HttpRequest, body: bytes, token: str) -> JsonResponse:
    """A flow's External Request: signed, with a secret in a header, or at an address with a token."""
    check_type(request, JSON_TYPES, "JSON")
    proof = Proof.of(request, body)
    if token:
        account = accounts.by_token(token, providers=[Provider.MANYCHAT])
        lead_accounts.check_beside_token(account, proof)
    else:
        account = _proven_account(proof)
    lead = manychat_format.parse(body, zone=account.location.zone)
    key = _key(account, lead, body)
    # Whose it is has been settled here: few clinics know ManyChat's id of their page.
    return answer(store(request, body, account, Kind.LEAD, key=key, thread=_thread(lead, key), by_token=True))


def _proven_account(proof: Proof) -> ProviderAccount:
    proven = lead_accounts.prove(Provider.MANYCHAT, proof)
    named = accounts.by_instance(Provider.MANYCHAT, manychat_format.page_id(proof.body))
    if named is not None and proven.covers(named):
        return named
    account = proven.owners[0] if proven.owners else accounts.default(Provider.MANYCHAT)
    if account is None:
        raise NotConfigured("No clinic has a ManyChat account yet. Add one under Providers.")
    return account


# Meta


@csrf_exempt
def meta_leads(request: HttpRequest, token: str = "") -> HttpResponseBase:
    """Meta: GET asks whether the address is ours, POST brings notices of leads."""
    if request.method != "GET":
        answered = _meta_notices(request, token)
        if answered.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            answered["Allow"] = "GET, POST"
        return answered
    try:
        return _challenge(request, token)
    except DomainError as error:
        return refusal(request, error)


def _challenge(request: HttpRequest, token: str) -> HttpResponse:
    asked = request.GET
    challenge = asked.get("hub.challenge", "")
    if asked.get("hub.mode") != "subscribe" or not challenge or len(challenge) > LONGEST_CHALLENGE:
        raise Malformed("Meta asks with hub.mode=subscribe, hub.challenge and hub.verify_token.")
    expected = lead_accounts.verify_tokens(token)
    if not expected:
        raise NotConfigured("No verify token is set. Enter the same one on the account and at Meta.")
    if not verify.secret_fits(asked.get("hub.verify_token", ""), expected):
        raise verify.BadSignature("The verify token is not the one of the account.")
    return HttpResponse(challenge, content_type="text/plain; charset=utf-8")


@door
def _meta_notices(request: HttpRequest, body: bytes, token: str) -> JsonResponse:
    """Every lead of a delivery is kept on its own; what it only names is fetched afterwards."""
    check_type(request, JSON_TYPES, "JSON")
    proof = Proof.of(request, body, may_tell=False)
    account = accounts.by_token(token, providers=[Provider.META]) if token else None
    proven = lead_accounts.prove(Provider.META, proof, only=account)
    kept = []
    for notice in meta_format.notices(body):
        owner = account or _page_account(notice.page_id, proven)
        receipt = store(
            request,
            notice.body,
            owner,
            Kind.LEAD,
            key=f"lead:{notice.lead_id}",
            thread=notice.lead_id,
            by_token=account is not None,
            fetch=not meta_format.is_complete(notice.body),
        )
        kept.append(str(receipt.public_id))
    return JsonResponse({"success": True, "receiptIds": kept})


def _page_account(page_id: str, proven: Proven) -> ProviderAccount:
    """The account of a page. One that nobody entered is kept where the signature comes from, until somebody
    does."""
    named = accounts.by_instance(Provider.META, page_id)
    if named is not None:
        if not proven.covers(named):
            raise verify.BadSignature("The signature is not that of the page's account.")
        return named
    account = proven.owners[0] if proven.owners else accounts.default(Provider.META)
    if account is None:
        raise NotConfigured("No clinic has a Meta account yet. Add one under Providers.")
    return account


# Forms of the website


@csrf_exempt
def web_form(request: HttpRequest, token: str) -> HttpResponseBase:
    """A form of a page of the clinic's, sent by a browser or by the site's server."""
    origin = _listed_origin(request, token)
    if request.method == "OPTIONS":
        answered: HttpResponseBase = HttpResponse(status=HTTPStatus.NO_CONTENT)
    else:
        answered = _web_form(request, token)
        if answered.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            answered["Allow"] = "POST, OPTIONS"
        elif answered.status_code >= HTTPStatus.BAD_REQUEST and _is_a_visitor(request):
            answered = _page(request, answered)
    if origin:
        answered["Access-Control-Allow-Origin"] = origin
        answered["Access-Control-Allow-Methods"] = "POST"
        answered["Access-Control-Allow-Headers"] = "Content-Type"
        answered["Access-Control-Max-Age"] = "600"
    answered["Vary"] = "Origin"
    return answered


@door
def _web_form(request: HttpRequest, body: bytes, token: str) -> HttpResponse:
    account = accounts.by_token(token, providers=[Provider.WEB_FORM])
    check_type(request, JSON_TYPES | FORM_TYPES, "JSON or a form")
    if not Proof.of(request, body).fits(lead_accounts.own_secrets(account)):
        _from_a_browser(request, account)
    lead = form_format.parse(body, zone=account.location.zone)
    key = _key(account, lead, body)
    receipt = store(request, body, account, Kind.LEAD, key=key, thread=_thread(lead, key), by_token=True)
    if not _is_a_visitor(request):
        return answer(receipt)
    page = iri_to_uri(form_format.thank_you_page(body))
    if "://" in page and lead_accounts.origin_of(page) in lead_accounts.origins(account):
        thanks = HttpResponse(status=HTTPStatus.SEE_OTHER)
        thanks["Location"] = page
        return thanks
    return render(request, FORM_ANSWER, {"clinic": account.location.name})


def _from_a_browser(request: HttpRequest, account: ProviderAccount) -> None:
    """What shows no secret may come from anybody: from listed pages, and not too often from one address."""
    origin = request.headers.get("Origin", "")
    if origin and lead_accounts.origin_of(origin) not in lead_accounts.origins(account):
        raise NotAllowed("This website is not among those of the form. Add it on the form's account.")
    wait = limits.form_sent(client_ip(request), account.pk)
    if wait:
        raise TooMany(wait)


def _listed_origin(request: HttpRequest, token: str) -> str:
    """The origin of the asking page where it may send this form; else "" """
    origin = request.headers.get("Origin", "")
    if not origin:
        return ""
    try:
        account = accounts.by_token(token, providers=[Provider.WEB_FORM])
    except DomainError:
        return ""
    return origin if lead_accounts.origin_of(origin) in lead_accounts.origins(account) else ""


def _is_a_visitor(request: HttpRequest) -> bool:
    """Whether a browser went to this address itself and shows the answer as a page."""
    by_form = (request.content_type or "").lower() in FORM_TYPES
    return by_form and "text/html" in request.headers.get("Accept", "")


def _page(request: HttpRequest, refused: HttpResponseBase) -> HttpResponse:
    """A refusal as a page for whoever filled in the form."""
    said = json.loads(getattr(refused, "content", b"{}")).get("error", {}).get("message", "")
    page = render(request, FORM_ANSWER, {"refused": said}, status=refused.status_code)
    if "Retry-After" in refused:
        page["Retry-After"] = refused["Retry-After"]
    return page
