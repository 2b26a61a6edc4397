"""The files of each folder are spread over a run, and none is lost."""

from __future__ import annotations

from pathlib import Path

from tests.kit.file_order import spread

ROOT = Path("/t")


def test_waiting_and_computing_alternate() -> None:
    waits, computes = (
        [ROOT / "journeys" / f"{n}" for n in range(2)],
        [ROOT / "web" / f"{n}" for n in range(4)],
    )
    order = [file.parent.name for file in spread([*waits, *computes], ROOT)]
    assert order == ["web", "journeys", "web", "web", "journeys", "web"]


def test_each_once_and_within_a_folder_as_they_came() -> None:
    found = [ROOT / "web" / "b", ROOT / "web" / "a", ROOT / "web" / "b", ROOT / "rules" / "a"]
    assert spread(found, ROOT) == [ROOT / "web" / "b", ROOT / "rules" / "a", ROOT / "web" / "a"]
    assert spread([], ROOT) == []
