"""Runs `xcert …` in processes that have loaded the program already: a start costs nothing, and each is a process of its own.

`python -m tests.kit.command_server` loads every command once and forks for each run it is asked for.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import subprocess
import sys
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]


class CommandServer:
    """The side of the tests. `run` is like `subprocess.run([…, "-m", "server.cli", …], capture_output=True, text=True)`.

    Args:
        python: of an installed release, whose program is then run, and nothing of this checkout.
    """

    def __init__(self, python: Path | None = None) -> None:
        here = [sys.executable, "-m", "tests.kit.command_server"]
        self._process = subprocess.Popen(
            [str(python), "-P", __file__] if python is not None else here,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, arguments: list[str], *, cwd: Path, env: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        with TemporaryDirectory() as folder:
            out, err = Path(folder) / "out", Path(folder) / "err"
            order = {"arguments": arguments, "cwd": str(cwd), "env": env, "out": str(out), "err": str(err)}
            stdin.write(json.dumps(order) + "\n")
            stdin.flush()
            code = int(stdout.readline())
            return subprocess.CompletedProcess(
                ["xcert", *arguments], code, out.read_text("utf-8"), err.read_text("utf-8")
            )

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()


def _load() -> None:
    commands = importlib.import_module("server.commands")
    for module in pkgutil.walk_packages(commands.__path__, commands.__name__ + "."):
        importlib.import_module(module.name)
    importlib.import_module("server.cli")


def _be(order: dict[str, Any]) -> NoReturn:
    """In the forked process: everything as a new one would have it."""
    code = 1
    try:
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["env"])
        for number, name, flags in (
            (0, os.devnull, os.O_RDONLY),
            (1, order["out"], os.O_WRONLY | os.O_CREAT),
            (2, order["err"], os.O_WRONLY | os.O_CREAT),
        ):
            file = os.open(name, flags, 0o600)
            os.dup2(file, number)
            os.close(file)
        sys.argv = ["xcert", *order["arguments"]]
        importlib.import_module("server.cli").main(order["arguments"])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    _load()
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            _be(json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
