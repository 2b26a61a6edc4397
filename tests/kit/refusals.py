"""What a refusal says."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest

from server.errors import Invalid, Refused


async def code_of(call: Awaitable[Any]) -> str:
    with pytest.raises(Refused) as refused:
        await call
    assert refused.value.message.endswith("。")
    return refused.value.errors[0].code if isinstance(refused.value, Invalid) else refused.value.code
