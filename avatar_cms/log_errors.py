"""How an error stands in a log line of production: what kind, where, and nothing that it quotes.

The message of an error may hold a name, a number or a whole row ("Failing row contains …"), so it is left out, but for
errors whose message is made of code alone. Of a database's error the code, table, column and constraint are told.
"""

from __future__ import annotations

import traceback
from types import TracebackType

#: Their messages name what the code says, never what a person said.
SAY_WHAT_CODE_SAYS = (AttributeError, NameError, ImportError, RecursionError, NotImplementedError)
_TOLD = ("table_name", "column_name", "constraint_name")


def described(error: BaseException) -> str:
    """The kind of an error, with what may be told of it."""
    kind = type(error).__qualname__
    if isinstance(error, SAY_WHAT_CODE_SAYS):
        return f"{kind}: {error}"
    diagnosis = getattr(error, "diag", None)
    told = [f"{name} {value}" for name in _TOLD if (value := getattr(diagnosis, name, None))]
    state = getattr(error, "sqlstate", None)
    if state:
        told.insert(0, f"SQL state {state}")
    return f"{kind} ({', '.join(told)})" if told else kind


def written(error: BaseException) -> str:
    """The whole chain of an error, the first one first: each with its frames."""
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain:
        chain.append(following)
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)
    return "\nthen\n".join(f"{_frames(one.__traceback__)}{described(one)}" for one in reversed(chain))


def _frames(trace: TracebackType | None) -> str:
    return "".join(
        f"  {frame.filename}:{frame.lineno} in {frame.name}\n" for frame in traceback.extract_tb(trace)
    )
