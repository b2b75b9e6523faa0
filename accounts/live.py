"""Answers to htmx: parts of pages, and the words said after an act.

A page's act is an ordinary form that works without JavaScript (redirect and message); asked by htmx, the same view
answers with the part that changed. What is said travels in a header that `desk.js` shows.
"""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from core.errors import DomainError, NotAllowed


def is_live(request: HttpRequest) -> bool:
    """Whether htmx asks, and so wants a part of the page."""
    return request.headers.get("HX-Request") == "true"


def said(
    response: HttpResponse, text: str, *, bad: bool = False, undo: str = "", also: str = ""
) -> HttpResponse:
    """Let the page say this; `undo` is the address that takes the act back with a POST, `also` another event of the
    page that tells of it.
    """
    words = {"text": text, "level": "bad" if bad else "good", "undo": undo}
    response["HX-Trigger"] = json.dumps({"said": words, **({also: {}} if also else {})})
    return response


def refused(request: HttpRequest, refusal: DomainError, *, back: str) -> HttpResponse:
    """Say a service's refusal where the person is: htmx leaves the page, and what was typed, as it is; others come
    `back`. The gate's refusal is raised, and has a page of its own.
    """
    if isinstance(refusal, NotAllowed):
        raise refusal
    if is_live(request):
        return said(HttpResponse(status=refusal.status), refusal.message, bad=True)
    messages.error(request, refusal.message)
    return HttpResponseRedirect(back)


def answer(
    request: HttpRequest,
    template: str,
    context: dict[str, object],
    *,
    back: str,
    text: str = "",
    bad: bool = False,
    undo: str = "",
) -> HttpResponse:
    """The part of a page for htmx (422 when `bad`: nothing was changed), a message and the way `back` for others.

    `back` may come from the request: an address of another host is not followed.
    """
    if is_live(request):
        response = render(request, template, context, status=422 if bad else 200)
        return said(response, text, bad=bad, undo=undo) if text else response
    if text:
        (messages.error if bad else messages.success)(request, text)
    return HttpResponseRedirect(own_address(request, back) or "/admin/")


def own_address(request: HttpRequest, address: str) -> str:
    """The address, when it is one of this host, to which a person may be led; empty otherwise."""
    ours = url_has_allowed_host_and_scheme(address, allowed_hosts={request.get_host()})
    return address if ours else ""
