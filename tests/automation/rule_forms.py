"""The rule editor in a browser without scripts, for tests."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

from django.test import Client
from django.urls import reverse

from automation.models import Rule

Desk = Callable[[str], Client]
TAG = {"type": "add_tag", "tag": "seen"}


def rule_of(key: str) -> Rule:
    return Rule.objects.select_related("current").get(key=key)


def fields_of(page: str) -> dict[str, list[str]]:
    """The fields of the editor's form as a browser would send them."""
    from html.parser import HTMLParser

    found: dict[str, list[str]] = {}

    class Reader(HTMLParser):
        inside = False
        select = area = ""
        text: list[str]

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            given = {name: value or "" for name, value in attrs}
            if tag == "form":
                self.inside = given.get("id") == "rule-editor"
            if not self.inside:
                return
            name = given.get("name", "")
            if tag == "input" and name and (given.get("type") != "checkbox" or "checked" in given):
                found.setdefault(name, []).append(given.get("value", ""))
            if tag == "select":
                self.select, self.first = name, True
            if tag == "option" and self.select and ("selected" in given or self.first):
                if not self.first:
                    found[self.select].pop()
                found.setdefault(self.select, []).append(given.get("value", ""))
                self.first = False
            if tag == "textarea":
                self.area, self.text = name, []

        def handle_data(self, data: str) -> None:
            if self.area:
                self.text.append(data)

        def handle_endtag(self, tag: str) -> None:
            if tag == "select":
                self.select = ""
            if tag == "textarea" and self.area:
                found.setdefault(self.area, []).append("".join(self.text).removeprefix("\n"))
                self.area = ""

    Reader().feed(page)
    return found


class Form:
    """The editor in a browser without scripts."""

    def __init__(self, client: Client, url: str) -> None:
        self.client, self.url = client, url
        answer = client.get(url, follow=True)
        assert answer.status_code == 200
        self.page = answer.content.decode()
        self.fields = fields_of(self.page)

    def press(self, do: str, **typed: Any) -> Form:
        body = {**self.fields, **{name.replace("__", ":"): value for name, value in typed.items()}, "do": do}
        answer = self.client.post(self.url, body, follow=True)
        assert answer.status_code == 200, (do, answer.status_code)
        if answer.redirect_chain:
            self.url = answer.redirect_chain[-1][0]
        self.page = answer.content.decode()
        self.fields = fields_of(self.page)
        return self

    def type(self, name: str, value: str) -> Form:
        assert name in self.fields, name
        self.fields[name] = [value]
        return self

    @property
    def text(self) -> str:
        return unescape(re.sub(r"<[^>]+>", " ", self.page))


def editor(client: Client, key: str) -> Form:
    return Form(client, reverse("admin:automation_rule_edit", args=[rule_of(key).public_id]))
