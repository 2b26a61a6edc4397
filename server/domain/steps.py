"""The shape of a life's table: which step leads from which states to which, who takes it, and what must hold.

Pure: the standard library and our errors alone. Every life (batch, certificate, notice, push, officer, import run,
score change) is a table of these rows, and one writer that takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from server.errors import Conflict, FieldError, Invalid, Refused

S = TypeVar("S", bound=Enum)
F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a step cannot be taken now.

    Attributes:
        kind: the refusal that it becomes.
        pointer: the field of the request that is to be mended, where it is one: the refusal is `Invalid` then.
    """

    code: str
    message: str
    kind: type[Refused] = Conflict
    pointer: str = ""

    def as_refusal(self) -> Refused:
        """The one way from a guard's reason to an exception."""
        if self.pointer:
            return Invalid(errors=[FieldError(self.pointer, self.code, self.message)])
        return self.kind(self.code, self.message)


@dataclass(frozen=True, slots=True)
class Step(Generic[S, F]):
    """One row of a table.

    Attributes:
        label: how the step is written, where people read of it.
        who: the kind of whoever takes it.
        guards: what must hold; each looks at the facts and returns why not, or None.
        adds_revision: what was shown before is out of date afterwards (batches alone have revisions).
    """

    name: str
    label: str
    sources: frozenset[S]
    target: S
    who: str
    guards: tuple[Callable[[F], Reason | None], ...] = ()
    adds_revision: bool = False

    @property
    def source(self) -> S:
        """The state that it leaves. Raises ValueError for a step that leaves several."""
        [only] = self.sources
        return only

    def refusal(
        self,
        facts: F,
        *,
        only: Collection[Callable[[F], Reason | None]] | None = None,
        but: Collection[Callable[[F], Reason | None]] = (),
    ) -> Reason | None:
        """The first guard's reason against taking this step, or None.

        Args:
            only: ask no other guards than these, those of them that the row has.
            but: guards whose facts are not known yet.
        """
        guards = (guard for guard in self.guards if guard not in but and (only is None or guard in only))
        return next((reason for guard in guards if (reason := guard(facts)) is not None), None)


def step(
    name: str,
    sources: str,
    target: S,
    who: str,
    *guards: Callable[[F], Reason | None],
    label: str = "",
    adds_revision: bool = False,
) -> Step[S, F]:
    """A row whose sources are written as the states' values, with spaces between them."""
    return Step(
        name,
        label,
        frozenset(type(target)(word) for word in sources.split()),
        target,
        who,
        guards,
        adds_revision,
    )


def table(*rows: Step[S, F]) -> dict[str, Step[S, F]]:
    """The rows by name."""
    return {row.name: row for row in rows}
