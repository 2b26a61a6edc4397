"""The file of a bill, read by other means than the service's."""

from __future__ import annotations

import csv
import io


def rows(text: str) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Detail rows and summary by column name; every value must stand behind a back-tick."""
    lines = [line for line in text.split("\r\n") if line]
    head, summary = lines[0].split(","), lines[-2].split(",")
    cells = [next(csv.reader(io.StringIO(line))) for line in (*lines[1:-2], lines[-1])]
    assert all(cell.startswith("`") for line in cells for cell in line)
    clean = [[cell[1:] for cell in line] for line in cells]
    return [dict(zip(head, line, strict=True)) for line in clean[:-1]], dict(
        zip(summary, clean[-1], strict=True)
    )
