"""OpenAPI that tells the truth: each operation lists the refusals it can answer with."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema as BaseAutoSchema
from drf_spectacular.plumbing import ResolvedComponent

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "fields"],
            "properties": {
                "code": {
                    "type": "string",
                    "description": "A stable word for programs.",
                },
                "message": {
                    "type": "string",
                    "description": "What was wrong, for people.",
                },
                "fields": {
                    "type": "object",
                    "description": "What was wrong with each input field.",
                    "additionalProperties": {
                        "type": "array",
                        "items": {"type": "string"},
                    },
                },
            },
        }
    },
}
_WORDS = {
    "400": "The request could not be understood",
    "401": "No or bad credential",
    "403": "Not allowed",
    "404": "Not there, or not yours",
    "409": "Conflicts with what is there",
    "413": "Too large",
    "415": "Not JSON",
    "422": "Understood, but invalid",
    "429": "Too many requests",
}


class AutoSchema(BaseAutoSchema):
    """Adds the standard refusals, and tags operations by the first word of their path."""

    def get_tags(self) -> list[str]:
        parts = [part for part in self.path.split("/") if part and part != "api"]
        return [parts[0]] if parts else ["api"]

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        component = ResolvedComponent(
            name="Error",
            type=ResolvedComponent.SCHEMA,
            object="core.Error",
            schema=_ERROR,
        )
        self.registry.register_on_missing(component)
        for code in self._refusals(operation):
            operation["responses"].setdefault(
                code,
                {
                    "description": _WORDS[code],
                    "content": {"application/json": {"schema": component.ref}},
                },
            )
        return operation

    def _refusals(self, operation: dict[str, Any]) -> list[str]:
        codes = ["400"]
        if self.view.authentication_classes:
            codes += ["401", "403"]
        if "{" in self.path:
            codes.append("404")
        if self.method != "GET":
            codes += ["409", "422"]
        elif operation.get("parameters"):
            codes.append("422")
        if "requestBody" in operation:
            codes += ["413", "415"]
        return [*codes, "429"]


def without_trailing_slash(endpoints: list[tuple[Any, ...]], **_: Any) -> list[tuple[Any, ...]]:
    """Preprocessing hook: addresses are documented as they are written, without the optional slash."""
    return [(path.rstrip("/") or "/", *rest) for path, *rest in endpoints]
