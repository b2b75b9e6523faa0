"""The small changes that `make mutants` makes to a module's source."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.Pow: ast.Mult,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: the statement of the module it is in, the node in that statement, and which change of that node."""

    line: int
    what: str
    statement: int
    node: int
    variant: int


def of(tree: ast.Module) -> Iterator[Mutant]:
    """Every mutant of a module."""
    for statement, top in enumerate(tree.body):
        if isinstance(top, ast.Import | ast.ImportFrom) or _is_for_readers_only(top):
            continue
        for number, node in enumerate(_nodes(top)):
            for variant, (what, _) in enumerate(_changes(node)):
                yield Mutant(node.lineno, what, statement, number, variant)  # type: ignore[attr-defined]


def mutated(tree: ast.Module, mutant: Mutant) -> ast.stmt:
    """The statement with the change made; the tree stays as it is."""
    top = copy.deepcopy(tree.body[mutant.statement])
    node = list(_nodes(top))[mutant.node]
    changed = list(_changes(node))[mutant.variant][1]
    result = _Replace(node, changed).visit(top)
    return ast.fix_missing_locations(result)


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return ast.copy_location(self.new, node) if node is self.old else self.generic_visit(node)


def _is_for_readers_only(node: ast.stmt) -> bool:
    """Types and lists of exports: no test can, or need, tell them apart."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
    )


def _is_type(node: ast.AST) -> bool:
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Name) and node.value.id == "Literal"
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"TypeVar", "NewType"}
    )


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that may be changed: no annotations, decorators, docstrings, prose or members of enumerations."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "bases"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if (
                not isinstance(child, ast.AST)
                or _is_docstring(child)
                or _is_type(child)
                or _is_member(node, child)
            ):
                continue
            if isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant):
                continue
            yield from _nodes(child)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_member(parent: ast.AST, child: ast.AST) -> bool:
    if not isinstance(parent, ast.ClassDef) or not isinstance(child, ast.Assign):
        return False
    return any(isinstance(base, ast.Name) and base.id.endswith("Enum") for base in parent.bases)


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.Compare):
        yield from _compare(node)
    elif isinstance(node, ast.BoolOp):
        op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield _named(node, ast.BoolOp(op, node.values))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield _named(node, node.operand)
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _OPERATORS:
        changed = copy.copy(node)
        changed.op = _OPERATORS[type(node.op)]()
        yield _named(node, changed)
    elif isinstance(node, ast.Constant):
        yield from _constant(node)
    elif isinstance(node, ast.If | ast.IfExp | ast.While) and isinstance(
        node.test, ast.Name | ast.Attribute | ast.Call
    ):
        changed = copy.copy(node)
        changed.test = ast.UnaryOp(ast.Not(), node.test)
        yield f"{_short(node.test)} -> not", changed
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield _named(node, ast.Return(ast.Constant(None)))
    elif isinstance(node, ast.Raise | ast.Break | ast.Continue) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield _named(node, ast.Pass())


def _compare(node: ast.Compare) -> Iterator[tuple[str, ast.AST]]:
    for position, operator in enumerate(node.ops):
        ops = [*node.ops]
        ops[position] = _COMPARISONS[type(operator)]()
        yield _named(node, ast.Compare(node.left, ops, node.comparators))


def _constant(node: ast.Constant) -> Iterator[tuple[str, ast.AST]]:
    value = node.value
    if isinstance(value, bool):
        yield _named(node, ast.Constant(not value))
    elif isinstance(value, int | float):
        yield _named(node, ast.Constant(value + 1))
    elif isinstance(value, str) and " " not in value:
        yield _named(node, ast.Constant(f"{value}XX"))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _named(old: ast.AST, new: ast.AST) -> tuple[str, ast.AST]:
    return f"{_short(old)} -> {_short(new)}", new


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
