"""Under which `index` key identity numbers are written at this moment: the same one for all who write.

The database refuses one number twice under one key. A process that has not heard of a new key yet, or whose clock goes
after, would write under another: whoever writes a number holds the epoch in force until it commits, so that two are never
in force at once, and whoever lacks a key that was in force already writes none.
"""

from __future__ import annotations

from server.domain.ports import Keys
from server.errors import OutsideFailure
from server.models.database import rows, write

_HOLD = "SELECT newest FROM index_epoch WHERE epoch = $1 FOR SHARE"
_BEGIN = "INSERT INTO index_epoch (id, epoch, newest) VALUES (1, $1, $1) ON CONFLICT DO NOTHING"
_SWITCH = (
    "UPDATE index_epoch SET epoch = $1, newest = greatest(newest, $1) WHERE epoch <> $1 AND newest <= $2"
)
_NEWEST = "SELECT newest FROM index_epoch"
_BEHIND = "索引密钥换过，而本机的密钥目录里没有新的一期，所以没有写入。请管理员同步密钥目录后重试。"


async def hold(keys: Keys) -> int:
    """The epoch to write identity numbers under, in force until the caller's transaction ends.

    Call it once in a transaction, before it is looked whether a number is free: whoever wrote under another epoch has
    committed by then, and is found with `keys.blinds`.

    Raises:
        OutsideFailure: a key has been in force that is not known here.
    """
    while True:
        mine = keys.epoch("index")
        if held := await rows(_HOLD, mine):
            _know(keys, held[0]["newest"])
            return mine
        await write(_BEGIN, mine)
        if await write(_SWITCH, mine, keys.newest("index")):
            return mine
        [row] = await rows(_NEWEST)
        _know(keys, row["newest"])


def _know(keys: Keys, newest: int) -> None:
    if keys.newest("index", least=newest) < newest:
        raise OutsideFailure(_BEHIND)
