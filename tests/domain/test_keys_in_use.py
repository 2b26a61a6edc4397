"""Keys in the domain's hands: the trail knows of them, and a new index finds everybody."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from server.adapters.keys import KeyFolder, retire, rotate
from server.domain.actor import SYSTEM
from server.domain.audit import key_events
from server.domain.people import identity_index
from server.domain.people.candidates import ABOUT_ID
from server.domain.ports import Services
from server.domain.public_log import log_state
from server.domain.public_log import queries as log_queries
from server.domain.public_log.signed_note import read_note
from server.models import AuditEntry, Candidate, LogCheckpoint
from tests.conftest import ISSUER
from tests.kit import issuing, log_desk, make
from tests.kit.exchange import exchange
from tests.kit.fakes import NOON


@pytest.fixture
def folder(services: Services, tmp_path: Path) -> Path:
    """The services' own copy of the key folder."""
    own = tmp_path / "keys"
    shutil.copytree(services.settings.keys_dir, own)
    exchange(services, keys=KeyFolder(own, production=False))
    return own


def renew(services: Services, folder: Path, purpose: str) -> None:
    rotate(folder, purpose, organisation=ISSUER, now=NOON)
    exchange(services, keys=KeyFolder(folder, production=False))


async def test_what_the_terminal_does_to_keys_stands_in_the_trail_once(
    services: Services, folder: Path
) -> None:
    renew(services, folder, "certificate")
    retire(folder, "certificate", 1, reason="私钥泄露", now=NOON)
    exchange(services, keys=KeyFolder(folder, production=False))
    for _ in range(2):
        await key_events.sweep(services)
    found = await AuditEntry.filter(subject_kind="key").order_by("action", "subject_id")
    assert [(one.action, one.subject_id) for one in found] == [
        *(("keys.make", f"{purpose}-1") for purpose in ("certificate",)),
        ("keys.make", "certificate-2"),
        *(
            ("keys.make", f"{purpose}-1")
            for purpose in ("credential", "field", "index", "log", "receipt", "scan", "seal", "session")
        ),
        ("keys.retire", "certificate-1"),
    ]
    assert found[-1].became == {"at": "2026-11-23T12:00:00+08:00", "reason": "私钥泄露"}


async def test_a_new_index_finds_everybody_and_then_stands_alone(services: Services, folder: Path) -> None:
    numbers = [make.id_number(serial) for serial in range(4001, 4004)]
    people = [await make.candidate(services, number=number) for number in numbers]
    renew(services, folder, "index")
    done = await identity_index.reindex(services.clock, services.keys, actor=SYSTEM)
    assert (done.changed, done.unchanged, done.waiting, done.doubles) == (3, 0, 0, ())
    for person, number in zip(people, numbers, strict=True):
        index = bytes((await Candidate.get(id=person.id)).id_index)
        assert index == services.keys.blind(number, about=ABOUT_ID)
    again = await identity_index.reindex(services.clock, services.keys, actor=SYSTEM)
    assert (again.changed, again.unchanged) == (0, 3)
    assert await AuditEntry.filter(action="keys.reindex").count() == 1


async def test_two_people_with_one_number_are_told_and_left_alone(services: Services, folder: Path) -> None:
    """What two processes of a former version could do: one number under two indexes."""
    number = make.id_number(4001)
    first = await make.candidate(services, number=number)
    renew(services, folder, "index")
    second = await make.candidate(services, number=number)
    done = await identity_index.reindex(services.clock, services.keys, actor=SYSTEM)
    assert (done.changed, done.doubles) == (0, ((second.id, first.id),))


async def test_nobody_in_a_batch_under_way_is_changed(services: Services, folder: Path) -> None:
    """The list that is asked to be signed carries a hash of the index."""
    await issuing.prepared(services, await issuing.cohort(services))
    waiting = await Candidate.filter(certificates__state="reserved").count()
    assert waiting > 0
    renew(services, folder, "index")
    done = await identity_index.reindex(services.clock, services.keys, actor=SYSTEM)
    assert (done.waiting, done.doubles) == (waiting, ())


async def test_the_log_is_signed_by_the_old_key_beside_the_new_until_it_is_retired(
    services: Services, folder: Path
) -> None:
    """Whoever knows only the old key can follow; a retired one says nothing new, and what it said stays good."""
    await log_desk.logged(services, 0, 3)
    head = (await log_queries.head()).origin
    renew(services, folder, "log")
    await log_desk.logged(services, 3, 3)
    retire(folder, "log", 1, reason="私钥泄露", now=NOON)
    exchange(services, keys=KeyFolder(folder, production=False))
    assert await log_state.problem(services) == ""
    await log_desk.logged(services, 6, 3)
    signers = []
    for one in await LogCheckpoint.all().order_by("size"):
        note = read_note(one.note.encode())
        keys = log_state.log_keys(services.keys, head)
        signers.append([name for name, key in keys.items() for line in note.signatures if line.is_by(key)])
        assert log_state.is_signed(services.keys, head, note)
    assert signers == [["log-1"], ["log-1", "log-2"], ["log-2"]]
