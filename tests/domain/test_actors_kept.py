"""Who hands something to a job stays who he is, token and all."""

from __future__ import annotations

import orjson
import pytest

from server.domain.actor import SYSTEM, Actor


@pytest.mark.parametrize(
    "actor",
    [
        SYSTEM,
        Actor("staff", 3, "王一", "operator", 7, "127.0.0.1", "abc"),
        Actor("staff", 3, "王一", "operator", scopes=frozenset({"import", "read"})),
        Actor("staff", 3, "王一", "operator", scopes=frozenset()),
    ],
)
def test_an_actor_is_kept_as_json_and_comes_back(actor: Actor) -> None:
    assert Actor.of(orjson.loads(orjson.dumps(actor.as_json()))) == actor
