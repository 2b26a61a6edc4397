"""删除登记: one small file for every erasure, kept with the files and, if a second place is named, apart from them.

A backup that is put back brings back whoever was erased after it was made. The register names the rows again, by their
number and the moment they were made, and holds nothing of the person. Each entry is sealed with a key of ours: whoever can
write files alone erases nobody. It is the oldest `index` key, which every backup's keys hold: one that was made after the
backup may be lost with the machine.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import orjson

from server.domain.ports import FileStore, Keys, Services
from server.domain.privacy.subjects import KINDS, Subject
from server.errors import NotFound
from server.models.database import rows

FOLDER = "erasures/"
_FORM = 1
_ABOUT = "erasure.register"
_MOMENT = "%Y%m%dT%H%M%S%f"
_KEY = re.compile(FOLDER + r"(?P<kind>[a-z]+)-(?P<row>[0-9]{1,19})-(?P<made>[0-9]{8}T[0-9]{12})\.json")
_MOST = 2**63 - 1  # what the database can count
APPROVED = " UNION ALL ".join(
    f"SELECT '{kind}' AS kind, c.id AS row, c.{of.made} AS created_at, e.asked_on, e.requested_by, e.requested_at,"  # noqa: S608
    f" e.decided_by, e.decided_at FROM erasure e JOIN {of.table} c ON c.id = e.{kind}_id"
    " WHERE e.state IN ('under_way', 'done') AND ($1::bigint IS NULL OR e.id = $1)"
    for kind, of in KINDS.items()
)
# A participant is one row for each course, all erased at one moment; the case names one of them.
APPROVED += (
    " UNION ALL SELECT 'enrolment', c.id, c.enrolled_at, e.asked_on, e.requested_by, e.requested_at, e.decided_by, e.decided_at"
    " FROM erasure e JOIN course_enrolment n ON n.id = e.enrolment_id"
    " JOIN course_enrolment c ON c.erased_at = n.erased_at AND c.id <> n.id"
    " WHERE e.state IN ('under_way', 'done') AND ($1::bigint IS NULL OR e.id = $1)"
    " AND NOT EXISTS (SELECT 1 FROM erasure o WHERE o.enrolment_id = c.id AND o.state IN ('under_way', 'done'))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An approved erasure.

    Attributes:
        kind: whose row, a name in `subjects.KINDS`. row: its number; `created_at`: when it was made. A number that is given
            anew after a restore belongs to a row that was made at another moment.
        requested_by, decided_by: numbers of accounts.
    """

    kind: str
    row: int
    created_at: datetime
    asked_on: date
    requested_by: int
    requested_at: datetime
    decided_by: int
    decided_at: datetime

    @property
    def of(self) -> Subject:
        """Whose."""
        return Subject(self.kind, self.row)

    @property
    def key(self) -> str:
        """Where it stands in a store."""
        return f"{FOLDER}{self.kind}-{self.row}-{self.created_at.astimezone(UTC).strftime(_MOMENT)}.json"

    def to_bytes(self, keys: Keys) -> bytes:
        """Sorted JSON with its seal."""
        said = self._said()
        *_, oldest = keys.blinds(_json(said).decode(), about=_ABOUT)
        return _json({**said, "seal": oldest.hex()})

    def _said(self) -> dict[str, Any]:
        return {
            "form": _FORM,
            "kind": self.kind,
            "row": self.row,
            "created_at": self.created_at.astimezone(UTC).isoformat(),
            "asked_on": self.asked_on.isoformat(),
            "requested_by": self.requested_by,
            "requested_at": self.requested_at.astimezone(UTC).isoformat(),
            "decided_by": self.decided_by,
            "decided_at": self.decided_at.astimezone(UTC).isoformat(),
        }


def _json(said: Mapping[str, Any]) -> bytes:
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


def read(keys: Keys, data: bytes) -> Entry:
    """What `Entry.to_bytes` wrote under any epoch. Raises ValueError: it is none, or not sealed by us."""
    try:
        said = orjson.loads(data)
        seal = bytes.fromhex(said.pop("seal"))
        if said.pop("form") != _FORM:
            raise ValueError("another form")
        moments = {
            name: datetime.fromisoformat(said.pop(name))
            for name in ("created_at", "requested_at", "decided_at")
        }
        entry = Entry(**{**said, **moments, "asked_on": date.fromisoformat(said["asked_on"])})
        if entry.kind not in KINDS:
            raise ValueError("another kind")
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not an entry") from error
    if seal not in keys.blinds(_json(entry._said()).decode(), about=_ABOUT):
        raise ValueError("not sealed by us")
    return entry


def named(key: str) -> tuple[str, int, datetime] | None:
    """Whose row the key of an entry names; None: it is no such key."""
    match = _KEY.fullmatch(key)
    if match is None or match["kind"] not in KINDS or int(match["row"]) > _MOST:
        return None
    try:
        made = datetime.strptime(match["made"], _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return match["kind"], int(match["row"]), made


async def approved(erasure_id: int | None = None) -> list[Entry]:
    """What the register has to hold, by the database: of this erasure, or of all."""
    return [Entry(**row) for row in await rows(APPROVED, erasure_id)]


def places(s: Services) -> tuple[FileStore, ...]:
    """Where the register is kept: with the files, and apart from them if so set."""
    return (s.file_store, s.second_register) if s.second_register is not None else (s.file_store,)


async def keys_in(store: FileStore) -> AsyncIterator[str]:
    """The keys of all entries. Raises OutsideFailure."""
    async for one in store.listing(FOLDER):
        if not one.key.startswith(FOLDER):
            return
        yield one.key


async def got(keys: Keys, store: FileStore, key: str) -> Entry | None:
    """An entry; None: it is gone, or not ours. Raises OutsideFailure."""
    try:
        return read(keys, await store.get(key))
    except (NotFound, ValueError):
        return None


async def write(keys: Keys, store: FileStore, entries: Iterable[Entry]) -> int:
    """Put down what the store does not hold as ours, or holds under a later seal than it could. How many.

    Raises OutsideFailure.
    """
    count = 0
    for one in entries:
        try:
            data = await store.get(one.key)
            kept = read(keys, data).to_bytes(keys)
        except (NotFound, ValueError):
            data, kept = b"", one.to_bytes(keys)
        if data != kept:
            await store.put(one.key, kept)
            count += 1
    return count
