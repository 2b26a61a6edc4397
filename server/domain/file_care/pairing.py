"""Two streams in the order of their keys, side by side: memory holds one of each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class _Keyed(Protocol):
    @property
    def key(self) -> str: ...


L = TypeVar("L", bound=_Keyed)
R = TypeVar("R", bound=_Keyed)


@dataclass(frozen=True, slots=True)
class Pair(Generic[L, R]):
    """What stands at one key on either side.

    Attributes:
        before, ahead: the nearest keys of the left side around this one; "" for none.
    """

    left: L | None
    right: R | None
    before: str
    ahead: str


async def paired(left: AsyncIterator[L], right: AsyncIterator[R]) -> AsyncIterator[Pair[L, R]]:
    """Every key that stands on either side, once, in order."""
    a, b = await anext(left, None), await anext(right, None)
    before = ""
    while a is not None or b is not None:
        if b is None or (a is not None and a.key < b.key):
            assert a is not None
            yield Pair(a, None, before, a.key)
            before, a = a.key, await anext(left, None)
        elif a is None or b.key < a.key:
            yield Pair(None, b, before, a.key if a is not None else "")
            b = await anext(right, None)
        else:
            yield Pair(a, b, before, a.key)
            before, a, b = a.key, await anext(left, None), await anext(right, None)
