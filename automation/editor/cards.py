"""What an action can be built of: its kinds, and what each parameter is typed with. Pure.

All of it comes from the shapes in `automation.actions`, so that a new action or parameter is offered by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from automation.actions.base import Action
from automation.editor.inputs import MISSING, Input

GROUPS: Mapping[str, str] = {
    "messages": "Messages", "tasks": "Tasks", "contacts": "Contact", "bookings": "Visit",
    "notices": "Staff and systems",
}  # fmt: skip
#: Where the values of a parameter come from, by the parameter's name: known to the clinic, or to the code above.
SOURCES: Mapping[str, str] = {
    "template": "templates", "templates": "sms_templates", "stage": "stages", "pipeline": "pipelines",
    "touchpoint_type": "touchpoints", "staff": "staff", "to": "staff", "skill": "skills", "service": "services",
    "practitioner": "practitioners", "account": "webhook_accounts", "source": "contact_sources",
}  # fmt: skip
_LONG = 400
_COMMON = ("type", "conditions", "delay_seconds")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an action. `path` is where it stands in the JSON, `source` what fills its choices, `columns`
    the lists that belong together row by row, `default` what it is when nothing is given.
    """

    path: str
    label: str
    input: Input
    help: str = ""
    source: str = ""
    default: object = MISSING
    group: str = ""
    columns: tuple[Parameter, ...] = ()
    may_quote: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """An action that a rule can take."""

    name: str
    label: str
    group: str
    about: str
    parameters: tuple[Parameter, ...] = field(default=())


@lru_cache(maxsize=1)
def waiting() -> Parameter:
    """How long any action waits."""
    shape = Action.model_json_schema()["properties"]["delay_seconds"]
    return _parameter("delay_seconds", shape, {}, required=False, prefix="", filled=())


def kinds() -> Mapping[str, Kind]:
    """Every action there is, by the name that rules use."""
    return {kind.name: kind for cls in Action.__subclasses__() for kind in (_kind(cls),)}


@lru_cache(maxsize=128)
def _kind(cls: type[Action]) -> Kind:
    schema = cls.model_json_schema()
    name = cls.model_fields["type"].annotation.__args__[0]  # type: ignore[union-attr]
    words = (cls.__doc__ if cls.__doc__ != Action.__doc__ else "") or ""
    return Kind(
        name=name,
        label=cls.title or _words(name),
        group=GROUPS.get(cls.__module__.rpartition(".")[2], "Others"),
        about=" ".join(words.partition("\n\n")[0].split()),
        parameters=_together(cls, tuple(_parameters(schema, schema.get("$defs", {}), "", cls.filled))),
    )


def spelling(name: str) -> str:
    """The name of a kind of action by any of its names; itself when nobody knows it."""
    for cls in Action.__subclasses__():
        names = cls.model_fields["type"].annotation.__args__  # type: ignore[union-attr]
        if name in names:
            return str(names[0])
    return name


def _together(cls: type[Action], found: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """Lists that belong together row by row become one parameter of several columns."""
    if not cls.row_by_row:
        return found
    columns = tuple(p for p in found if p.path in cls.row_by_row)
    table = Parameter("+".join(cls.row_by_row), columns[0].label, Input("chips"), columns=columns)
    return (*(p for p in found if p not in columns), table)


def _parameters(
    schema: Mapping[str, Any], defs: Mapping[str, Any], prefix: str, filled: Any
) -> list[Parameter]:
    found: list[Parameter] = []
    needed = schema.get("required", ())
    for name, shape in schema["properties"].items():
        if not prefix and name in _COMMON:
            continue
        inner = _resolve(shape, defs)
        if inner.get("type") == "object" and "properties" in inner:
            found += _parameters(inner, defs, f"{prefix}{name}.", filled)
        else:
            found.append(_parameter(name, inner, defs, required=name in needed, prefix=prefix, filled=filled))
    return found


def _resolve(shape: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any]:
    """A shape with its reference followed, and with "or nothing" left out."""
    if "$ref" in shape:
        return {**defs[shape["$ref"].rpartition("/")[2]], **{k: v for k, v in shape.items() if k != "$ref"}}
    parts = [part for part in shape.get("anyOf", ()) if part.get("type") != "null"]
    if len(parts) == 1:
        return {**_resolve(parts[0], defs), **{k: v for k, v in shape.items() if k not in ("anyOf", "title")}}
    return shape


def _parameter(
    name: str, shape: Mapping[str, Any], defs: Mapping[str, Any], *, required: bool, prefix: str, filled: Any
) -> Parameter:
    source = SOURCES.get(name, "")
    default = shape.get("default", MISSING)
    return Parameter(
        path=f"{prefix}{name}",
        label=_label(name, shape),
        input=_input(name, shape, defs, required=required, chosen=bool(source)),
        help=shape.get("description", ""),
        source=source,
        default=MISSING if default is None else default,
        group=_words(prefix.rstrip(".")) if prefix else "",
        may_quote=name in filled,
    )


def _input(
    name: str, shape: Mapping[str, Any], defs: Mapping[str, Any], *, required: bool, chosen: bool
) -> Input:
    kind, optional = shape.get("type"), not required
    known = shape.get("enum") or ([shape["const"]] if "const" in shape else [])
    if known:
        return Input(
            "choice", {v: _words(v) for v in known if v}, strict=True, optional=optional or "" in known
        )
    if kind == "boolean":
        undecided = "anyOf" in shape or shape.get("default", True) is None
        yes_no = {"true": "Yes", "false": "No"}
        return Input("choice", yes_no, strict=True) if undecided else Input("tick")
    words = {part["const"]: _words(part["const"]) for part in shape.get("anyOf", ()) if "const" in part}
    if shape.get("unit") == "seconds" or name.endswith("_seconds") or words:
        return Input("length", optional=optional, extra=words)
    if kind in ("integer", "number"):
        return Input("number", optional=optional)
    if kind == "array":
        one = _input(name, _resolve(shape["items"], defs), defs, required=False, chosen=chosen)
        return Input("chips", one.choices, one.strict, optional, of=one)
    if kind == "object":
        return Input("pairs", optional=optional)
    if chosen:
        return Input("choice", optional=optional)
    return Input("long" if shape.get("maxLength", 0) > _LONG and name != "url" else "text", optional=optional)


def _label(name: str, shape: Mapping[str, Any]) -> str:
    """The title that the action gives its parameter, else its name in words."""
    title = str(shape.get("title", ""))
    own = title and title != name.replace("_", " ").title()
    return title if own else _words(name.removesuffix("_seconds"))


def _words(name: str) -> str:
    words = name.replace("_", " ").replace(" sms", " SMS").strip()
    return f"{words[:1].upper()}{words[1:]}"
