"""`python -m tests.architecture.structure`: sizes, circles between files, and the rooms of the domain that form a knot.

Counted from imports and syntax trees alone; migrations are left out.
"""

from __future__ import annotations

import ast
import statistics
import sys
from pathlib import Path

from tests.kit.repository import ROOT, tracked

Graph = dict[str, set[str]]


def sources() -> list[Path]:
    """Production code, migrations left out."""
    return [path for path in tracked("server/*.py", "miniprogram_api/*.py") if "migrations" not in path.parts]


def module_of(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


def imports() -> Graph:
    """module → modules of ours that it imports, those for type checkers alone included."""
    paths = {module_of(path): path for path in sources()}
    found: Graph = {name: set() for name in paths}
    for name, path in paths.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                wanted = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                wanted = [f"{node.module}.{alias.name}" for alias in node.names] + [node.module]
            else:
                continue
            found[name] |= {one for one in wanted if one in paths and one != name}
        # `from package import module` names the package too; the arrow is meant for the module
        found[name] -= {
            one for one in found[name] if any(other.startswith(f"{one}.") for other in found[name])
        }
    return found


def knots(graph: Graph) -> list[list[str]]:
    """Groups of two and more that reach each other, the largest first."""
    reached: Graph = {}
    for start in graph:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for other in graph.get(waiting.pop(), set()) - seen:
                seen.add(other)
                waiting.append(other)
        reached[start] = seen
    groups: dict[frozenset[str], None] = {}
    for one, others in reached.items():
        if one in others:
            groups[frozenset(other for other in others if one in reached.get(other, set()))] = None
    return sorted((sorted(group) for group in groups), key=len, reverse=True)


def rooms(graph: Graph) -> Graph:
    """The domain's folders and loose files, and which uses which."""

    def room(module: str) -> str | None:
        parts = module.split(".")
        return parts[2] if parts[:2] == ["server", "domain"] and len(parts) > 2 else None

    found: Graph = {}
    for module, others in graph.items():
        if (here := room(module)) is not None:
            found.setdefault(here, set()).update({there for other in others if (there := room(other))})
            found[here].discard(here)
    return found


def main() -> None:
    """Print the lines of the table in docs/architecture.md."""
    texts = {path: path.read_text("utf-8") for path in sources()}
    lines = {path: len(text.splitlines()) for path, text in texts.items()}
    functions = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for text in texts.values()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    sandbox = [path for path in lines if "sandbox" in path.parts]
    names = [
        path.name for path in lines if path.name not in ("__init__.py", "states.py", "queries.py", "ports.py")
    ]
    graph = imports()
    say = sys.stdout.write
    say(f"files, lines: {len(lines)}, {sum(lines.values())}")
    say(f" (sandbox {len(sandbox)}, {sum(lines[path] for path in sandbox)})\n")
    say(f"file median, longest: {statistics.median(lines.values())}, {max(lines.values())}\n")
    say(f"function median, longest: {statistics.median(functions)}, {max(functions)}\n")
    say(f"names of more than one file: {sum(names.count(name) > 1 for name in set(names))}\n")
    for knot in knots(graph):
        say(f"circle of files: {' '.join(knot)}\n")
    for knot in knots(rooms(graph)):
        say(f"knot of rooms: {' '.join(knot)}\n")


if __name__ == "__main__":
    main()
