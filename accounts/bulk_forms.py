"""Forms of acts on chosen rows that several apps need: who gets them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from accounts import access, roles
from accounts.models import Location, User


class ColleagueForm(forms.Form):
    """One of those who may change rows of `resource` at any of the clinics, or nobody; cleaned to the account."""

    resource: ClassVar[str]

    to = forms.ChoiceField(
        label="Give to", required=False, widget=UnfoldAdminSelectWidget(),
        error_messages={"invalid_choice": "There is no such colleague here."},
    )  # fmt: skip

    def __init__(self, *args: Any, user: User, locations: Sequence[Location], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = access.people(roles.UPDATE, self.resource, [place.pk for place in locations])
        self.people = {str(one.public_id): one for theirs in found.values() for one in theirs}
        names = sorted(
            ((key, one.name or one.email) for key, one in self.people.items()), key=lambda pair: pair[1]
        )
        self.fields["to"].choices = [("", "Nobody"), *names]  # type: ignore[attr-defined]

    def clean_to(self) -> User | None:
        chosen = self.cleaned_data["to"]
        return self.people[chosen] if chosen else None
