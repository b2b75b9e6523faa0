"""Mutation testing of the pure modules: change one thing, and see whether a test notices.

The tests are collected once. Each mutant lives in a forked child, where the changed function's code (or the changed
constant) takes the old one's place, and only those tests run that reach the changed line, quickest first. Prose (texts
with spaces in them) and annotations are left alone. Prints the survivors; fails when fewer than 90 % are killed.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import signal
import sys
import time
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable
from itertools import accumulate
from types import FunctionType, ModuleType
from typing import Any

import coverage
import mutations
import pure_modules
import pytest
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, Phase, settings

AT_LEAST = 90.0
#: A mutant that loops for ever is as good as killed.
PATIENCE = 20
#: A survivor among the constants runs that many seconds' worth of tests.
CONSTANT_SECONDS = 1.5

settings.register_profile(
    "mutants", max_examples=40, derandomize=True, database=None, deadline=None,
    phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
)  # fmt: skip


class Hunt:
    """The pytest plugin that runs mutants instead of tests."""

    def __init__(self, names: list[str], jobs: int) -> None:
        self.names = names
        self.jobs = jobs
        self.code = 1

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        started = time.monotonic()
        self.trees = {name: ast.parse(pure_modules.path(name).read_text()) for name in self.names}
        self._measure(session.items)
        todo = [(name, mutant) for name in self.names for mutant in mutations.of(self.trees[name])]
        say(
            f"{len(todo)} mutants of {len(self.names)} modules; {len(session.items)} tests, {passed(started)}."
        )
        killed = self._hunt(todo, started)
        self.code = report(todo, killed, started)
        return True

    def _measure(self, items: list[pytest.Item]) -> None:
        """Run everything once: it must pass, and tells which test reaches which line in what time."""
        files = [str(pure_modules.path(name)) for name in self.names]
        watch = coverage.Coverage(data_file=None, include=files, config_file=False)
        took: dict[str, float] = {}
        self.items = {item.nodeid: item for item in items}
        watch.start()
        for item in items:
            watch.switch_context(item.nodeid)
            began = time.perf_counter()
            if not passes(item):
                sys.exit(f"{item.nodeid} fails without any mutant; mend it first.")
            took[item.nodeid] = time.perf_counter() - began
        watch.stop()
        data = watch.get_data()
        self.reach: dict[str, dict[int, list[str]]] = {}
        for name in self.names:
            lines = data.contexts_by_lineno(str(pure_modules.path(name)))
            self.reach[name] = {
                line: sorted((test for test in tests if test), key=took.__getitem__)
                for line, tests in lines.items()
            }
        self.took = took

    def _tests(self, name: str, mutant: mutations.Mutant) -> list[str]:
        """Those that reach the line; of a constant, which is reached at import, the quickest ones of its app."""
        statement = self.trees[name].body[mutant.statement]
        if isinstance(statement, ast.FunctionDef | ast.ClassDef) and self.reach[name].get(mutant.line):
            return self.reach[name][mutant.line]
        folder = pure_modules.tests(name)
        found = [test for test, item in self.items.items() if folder in item.path.parents]
        quickest = sorted(found, key=self.took.__getitem__)
        spent = list(accumulate(self.took[test] for test in quickest))
        return quickest[: bisect(spent, CONSTANT_SECONDS)]

    def _hunt(self, todo: list[tuple[str, mutations.Mutant]], started: float) -> list[bool]:
        """Whether each mutant was killed. `jobs` children at a time, each one mutant's."""
        killed = [False] * len(todo)
        running: dict[int, int] = {}
        waiting = iter(range(len(todo)))
        done = 0
        while done < len(todo):
            while len(running) < self.jobs and (number := next(waiting, None)) is not None:
                running[self._fork(*todo[number])] = number
            pid, status = os.wait()
            killed[running.pop(pid)] = status != 0
            done += 1
            if done % 500 == 0:
                say(f"  {done} of {len(todo)}, {passed(started)}")
        return killed

    def _fork(self, name: str, mutant: mutations.Mutant) -> int:
        """A child that ends with 0 when the mutant survives."""
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            signal.alarm(PATIENCE)
            silence()
            install(importlib.import_module(name), self.trees[name], mutant)
            status = 0 if all(passes(self.items[test]) for test in self._tests(name, mutant)) else 1
        finally:
            os._exit(status)
        return 0


def passes(item: pytest.Item) -> bool:
    """Run one test with its set-up and tear-down."""
    return not any(told.failed for told in runtestprotocol(item, log=False, nextitem=None))


def install(module: ModuleType, tree: ast.Module, mutant: mutations.Mutant) -> None:
    """Put the mutant in the place of what it was made from, for everyone who imported that already."""
    statement = mutations.mutated(tree, mutant)
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        scratch = dict(module.__dict__)
        run(statement, scratch, module)
        transplant(module.__dict__[statement.name], scratch[statement.name])
        return
    before = dict(module.__dict__)
    run(statement, module.__dict__, module)
    changed = names_bound(statement)
    for later in tree.body[mutant.statement + 1 :]:
        if isinstance(later, ast.Assign | ast.AnnAssign) and changed & names_read(later):
            run(later, module.__dict__, module)
            changed |= names_bound(later)
    for name in changed:
        for other in list(sys.modules.values()):
            if getattr(other, "__dict__", {}).get(name, changed) is before.get(name):
                setattr(other, name, module.__dict__[name])


def run(statement: ast.stmt, namespace: dict[str, Any], module: ModuleType) -> None:
    """Execute one statement as part of a module."""
    future = ast.ImportFrom("__future__", [ast.alias("annotations")], 0)
    code = ast.fix_missing_locations(ast.Module([future, statement], []))
    exec(compile(code, module.__file__ or "", "exec"), namespace)


def transplant(old: Any, new: Any) -> None:
    """Give an old function, or each function of an old class, its new code."""
    if isinstance(old, type):
        for name, value in list(vars(new).items()):
            theirs = vars(old).get(name)
            if isinstance(value, FunctionType | staticmethod | classmethod | property) and theirs is not None:
                transplant(theirs, value)
            elif (
                isinstance(value, str | int | tuple | frozenset)
                and not name.startswith("__")
                and value != theirs
            ):
                setattr(old, name, value)
        return
    for attribute in ("__wrapped__", "__func__", "fget"):
        if not isinstance(old, FunctionType) and hasattr(old, attribute):
            transplant(getattr(old, attribute), getattr(new, attribute))
    if isinstance(old, FunctionType):
        old.__code__, old.__defaults__, old.__kwdefaults__ = (
            new.__code__,
            new.__defaults__,
            new.__kwdefaults__,
        )
    if hasattr(old, "cache_clear"):
        old.cache_clear()


def names_bound(statement: ast.stmt) -> set[str]:
    """Names a statement gives a value."""
    return {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def names_read(statement: ast.stmt) -> set[str]:
    """Names whose value a statement uses."""
    return {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def report(todo: Iterable[tuple[str, mutations.Mutant]], killed: list[bool], started: float) -> int:
    """Print what survived and the figures; 0 when enough were killed."""
    figures: dict[str, list[bool]] = defaultdict(list)
    for (name, mutant), dead in zip(todo, killed, strict=True):
        figures[name].append(dead)
        if not dead:
            path = pure_modules.path(name).relative_to(pure_modules.CHECKOUT)
            say(f"survived  {path}:{mutant.line}  {mutant.what}")
    for name, deaths in figures.items():
        say(f"{name:38}{sum(deaths):6} of {len(deaths):5} killed{100 * sum(deaths) / len(deaths):8.1f} %")
    share = 100 * sum(killed) / len(killed) if killed else 0.0
    say(f"{'all':38}{sum(killed):6} of {len(killed):5} killed{share:8.1f} %, {passed(started)}")
    if share < AT_LEAST:
        say(f"Fewer than {AT_LEAST:.0f} % were killed.")
    return int(share < AT_LEAST)


def say(text: str) -> None:
    """Print at once."""
    sys.__stdout__.write(f"{text}\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


def passed(started: float) -> str:
    return f"{time.monotonic() - started:.0f} s"


def silence() -> None:
    """What a failing test says is of no interest."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def main() -> int:
    """0 when enough mutants were killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="dotted names; all pure modules when none is given")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    chosen = parser.parse_args()
    os.chdir(pure_modules.CHECKOUT)
    sys.path.insert(0, str(pure_modules.CHECKOUT))
    names = chosen.modules or pure_modules.names()
    folders = sorted({str(pure_modules.tests(name)) for name in names})
    settings.load_profile("mutants")
    hunt = Hunt(names, chosen.jobs)
    plugins = ("django", "randomly", "cacheprovider", "xdist", "socket")
    off = [option for plugin in plugins for option in ("-p", f"no:{plugin}")]
    told = pytest.main(
        ["-q", "-s", "-W", "ignore", "-o", "addopts=--strict-markers", *off, *folders], plugins=[hunt]
    )
    return hunt.code if told in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) else 1


if __name__ == "__main__":
    sys.exit(main())
