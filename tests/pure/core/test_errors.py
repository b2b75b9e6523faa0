from __future__ import annotations

import pytest

from core.errors import Conflict, DomainError, Invalid, Malformed, NotAllowed, NotConfigured, NotFound


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (DomainError, 422, "refused"),
        (Invalid, 422, "invalid"),
        (Malformed, 400, "malformed"),
        (Conflict, 409, "conflict"),
        (NotAllowed, 403, "not_allowed"),
        (NotFound, 404, "not_found"),
        (NotConfigured, 503, "not_configured"),
    ],
)
def test_each_error_has_its_status_and_a_code_of_its_own(
    kind: type[DomainError], status: int, code: str
) -> None:
    error = kind("Something is wrong.")
    assert isinstance(error, DomainError)
    assert error.status == status
    assert error.code == code
    assert error.message == str(error) == "Something is wrong."
    assert error.fields == {}


def test_a_given_code_replaces_the_default() -> None:
    assert Invalid("No.", code="phone_refused").code == "phone_refused"


def test_the_problems_of_a_field_are_always_a_list() -> None:
    error = Invalid("No.", code="bad", fields={"phone": "Too short.", "name": ("Empty.", "Odd.")})
    assert error.fields == {"phone": ["Too short."], "name": ["Empty.", "Odd."]}
    assert error.as_dict() == {
        "code": "bad",
        "message": "No.",
        "fields": {"phone": ["Too short."], "name": ["Empty.", "Odd."]},
    }
