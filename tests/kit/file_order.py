"""In which order the files of tests are handed out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path


def spread(files: Iterable[Path], root: Path) -> list[Path]:
    """The files so that those of each folder are spread evenly over the whole run.

    Folder after folder, every test process comes to the tests that mostly wait (for servers to start, die and come back) at
    the same time, and the machine stands idle; later they are all at what only computes.

    Args:
        files: the files of tests, in the order in which they were found.
        root: the folder that holds the folders of tests.
    """
    found = list(dict.fromkeys(files))

    def folder(file: Path) -> str:
        return file.relative_to(root).parts[0]

    sizes = Counter(map(folder, found))
    seen: Counter[str] = Counter()
    places: dict[Path, float] = {}
    for file in found:
        of = folder(file)
        places[file] = (seen[of] + 0.5) / sizes[of]
        seen[of] += 1
    return sorted(found, key=places.__getitem__)
