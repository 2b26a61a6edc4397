"""`make bench`: every benchmark in one run, printed as a table; `--write` keeps it in docs/develop.md.

python -m tests.bench [--write] [NAME …]
"""

from __future__ import annotations

import argparse
import importlib
import platform
from datetime import date
from pathlib import Path

from tests.bench.table import Row, markdown

HERE = Path(__file__).parent
KEPT = HERE.parents[1] / "docs" / "develop.md"
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"


def names() -> list[str]:
    return sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def write(table: str) -> None:
    before, rest = KEPT.read_text("utf-8").split(BEGIN)
    _, after = rest.split(END)
    machine = f"{platform.machine()}，Python {platform.python_version()}，{date.today().isoformat()}。"
    KEPT.write_text(f"{before}{BEGIN}\n{table}\n\n{machine}\n{END}{after}", "utf-8")


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("names", nargs="*", choices=[[], *names()], help="only these")
    ask.add_argument("--write", action="store_true", help="keep the table in docs/develop.md")
    args = ask.parse_args()
    rows: list[Row] = []
    for name in args.names or names():
        print(f"… {name}", flush=True)
        found: list[Row] = importlib.import_module(f"tests.bench.bench_{name}").run()
        print(markdown(found), flush=True)
        rows += found
    table = markdown(rows)
    print(f"\n{table}")
    if args.write:
        write(table)


if __name__ == "__main__":
    main()
