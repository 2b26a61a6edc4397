"""What `make install` leaves, made without a network: the wheel of this checkout in an environment of production's packages alone."""

from __future__ import annotations

import fcntl
import importlib.metadata
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tests.kit.repository import ROOT, tracked


def release(shared: Path) -> Path:
    """An installed release, `bin/xcert` and all; made by the first test process of the run that wants it.

    Args:
        shared: a folder of all test processes of this run. The wheel lies beside the release.
    """
    folder = shared / "wheel"
    place = folder / "production"
    with (shared / "wheel.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "bin" / "xcert").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            wheel = wheel_of(folder)
            python = with_production_packages(place) / "bin" / "python"
            pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q"]
            offline = ["--no-deps", "--no-index", "--no-compile"]
            subprocess.run([*pip, *offline, str(wheel)], check=True, capture_output=True)
            [program] = place.glob("lib/python3*/site-packages/server")
            subprocess.run([str(python), "-m", "compileall", "-q", str(program)], check=True)
    return place


def wheel_of(folder: Path) -> Path:
    """The wheel of what is tracked by git here, built offline and apart from the checkout."""
    source = folder / "source"
    for path in tracked("server", "miniprogram_api", "static", "pyproject.toml", "README.md"):
        target = source / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.hardlink_to(path) if path.stat().st_dev == folder.stat().st_dev else shutil.copy(path, target)
    command = [
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
    ]
    subprocess.run([sys.executable, *command, str(source)], check=True, capture_output=True)
    [wheel] = folder.glob("xcert-*.whl")
    return wheel


def with_production_packages(place: Path) -> Path:
    """An environment that sees what the production lock names, and nothing of what tests and development need."""
    venv.create(place, with_pip=False, symlinks=True)
    packages = next(place.glob("lib/python3*/site-packages"))
    names = re.findall(
        r"^([A-Za-z0-9_.-]+)==(?!.*sys_platform == 'win32')",
        (ROOT / "requirements.lock").read_text("utf-8"),
        re.MULTILINE,
    )
    for name in names:
        try:
            one = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:  # for another system or Python
            continue
        for top in {file.parts[0] for file in one.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(one.locate_file(top))))
    return place


def following(installed: Path, place: Path) -> Path:
    """Another release's environment; what it holds is the same."""
    venv.create(place, with_pip=False, symlinks=True)
    packages = next(place.glob("lib/python3*/site-packages"))
    packages.rmdir()
    packages.symlink_to(next(installed.glob("lib/python3*/site-packages")))
    text = (installed / "bin" / "xcert").read_text("utf-8")
    (place / "bin" / "xcert").write_text(text.replace(str(installed), str(place)), "utf-8")
    (place / "bin" / "xcert").chmod(0o755)
    return place
