"""Lists of what belongs to contacts, found by whom it belongs to."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts import access
from accounts.models import User
from contacts import selectors
from contacts.models import Contact


class FoundByContact:
    """A list in the admin whose rows are found by their contact as contacts are found themselves: the contacts first,
    by their keys, then their rows, so that no search reads a whole table. Mixed in before the admin.
    """

    search_fields: ClassVar[tuple[str, ...]] = ("contact__name",)  # what makes the theme show the field
    search_help_text = "The contact's name, phone in any spelling or a few of its digits, or e-mail"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        user = cast(User, request.user)
        people = selectors.find(
            access.visible(Contact, user),
            search_term,
            locations=access.places(user),
            home=getattr(request, "location", None),
        )
        theirs = Q(contact__in=list(people.order_by().values_list("pk", flat=True)))
        return queryset.filter(theirs | self.found_also(user, search_term.strip())), False

    def found_also(self, user: User, text: str) -> Q:
        """Rows found by something of their own; a condition that an index answers."""
        return Q()
