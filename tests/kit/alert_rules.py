"""docs/alerts.yml, and the few forms of expressions that it may use, evaluated over real answers of /metrics.

`vector op number`, several joined by ` and `; a vector is a selector, `increase(selector[duration])`, or `sum(…)` of one.
Any other form is refused, so that no rule stands in the file that no test can make fire.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

FILE = Path(__file__).resolve().parents[2] / "docs" / "alerts.yml"
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt, "<": operator.lt, "==": operator.eq, ">=": operator.ge, "<=": operator.le, "!=": operator.ne,
}  # fmt: skip
_COMPARISON = re.compile(r"(?P<vector>.+?) (?P<op>[<>=!]=?) (?P<number>-?[0-9.]+)")
_SELECTOR = re.compile(r"(?P<name>[a-z_]+)(?:\{(?P<labels>[^{}]*)\})?")
_LABEL = re.compile(r'(?P<name>[a-z_]+)="(?P<value>[^"]*)"')
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Samples:
    """One answer of /metrics: every sample by name and labels, and the names of families, with samples or without."""

    values: dict[tuple[str, Labels], float]
    names: frozenset[str]


def samples(text: str) -> Samples:
    values, names = {}, set()
    for family in text_string_to_metric_families(text):
        names |= {family.name, f"{family.name}_total", f"{family.name}_info"}
        for one in family.samples:
            values[one.name, tuple(sorted(one.labels.items()))] = one.value
    return Samples(values, frozenset(names))


def rules() -> dict[str, dict[str, Any]]:
    """Every alert by its name."""
    [group] = yaml.safe_load(FILE.read_text("utf-8"))["groups"]
    found = {rule["alert"]: rule for rule in group["rules"]}
    assert len(found) == len(group["rules"])
    return found


def metrics_of(expression: str) -> set[str]:
    return {_parts(one)[0] for one in expression.split(" and ")}


def fires(expression: str, before: Samples, now: Samples) -> bool:
    """Whether the alert would, `for` left aside. Raises ValueError for a form that is not known."""
    return all(_holds(one, before, now) for one in expression.split(" and "))


def _parts(comparison: str) -> tuple[str, dict[str, str], bool, bool, str, float]:
    found = _COMPARISON.fullmatch(comparison)
    if found is None:
        raise ValueError(comparison)
    vector = found["vector"]
    is_sum = vector.startswith("sum(") and vector.endswith(")")
    vector = vector[4:-1] if is_sum else vector
    grows = re.fullmatch(r"increase\((.+)\[\d+[mhd]\]\)", vector)
    selector = _SELECTOR.fullmatch(grows[1] if grows else vector)
    if selector is None:
        raise ValueError(comparison)
    labels = {one["name"]: one["value"] for one in _LABEL.finditer(selector["labels"] or "")}
    if ",".join(f'{name}="{value}"' for name, value in labels.items()) != (selector["labels"] or ""):
        raise ValueError(comparison)
    return selector["name"], labels, is_sum, grows is not None, found["op"], float(found["number"])


def _holds(comparison: str, before: Samples, now: Samples) -> bool:
    name, labels, is_sum, grows, op, number = _parts(comparison)
    vector = []
    for (sample, its), value in now.values.items():
        if sample != name or not labels.items() <= dict(its).items():
            continue
        if grows and (sample, its) not in before.values:
            continue  # as in Prometheus: a line that was not there has not increased
        vector.append(value - before.values[sample, its] if grows else value)
    if is_sum:
        vector = [sum(vector)] if vector else []
    return any(OPERATORS[op](value, number) for value in vector)
