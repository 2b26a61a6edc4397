"""Programs out of a wheel, where the account that runs them can reach them: in place, or a whole copy below OUTSIDE.

A wheel's programs find their libraries beside the package (`<package>.libs`, RPATH `$ORIGIN/../../../<package>.libs`), so a
copy keeps the shape that the two have to each other. A copy is used only after its programs have run as that account.
"""

from __future__ import annotations

import fcntl
import secrets
import shutil
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

from server.adapters.embedded import folders
from server.adapters.embedded.folders import Account

_TRIAL_SECONDS = 30.0
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class NotRunnable(Exception):
    """The programs do not run as the account that needs them; the message is what they said."""


def runnable(package: Path, version: str, trials: Sequence[str], who: Account) -> Path:
    """`package` itself, or a copy of it, whose programs `who` can run.

    Args:
        package: an installed package's folder.
        version: names the copy; one is kept for each version.
        trials: the programs that must run with `--version`, as paths below `package`.
        who: the account they run as.

    Raises:
        NotRunnable: they do not run there.
    """
    if who.may_pass(package) and _complaint(package, trials, who) is None:
        return package
    if who.uid is None:
        raise NotRunnable(_complaint(package, trials, who) or "")
    home = folders.OUTSIDE / "programs"
    folders.open_folder(home)
    copy = home / version
    with (home / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two starts at once: the second finds the copy of the first
        if _is_whole(package, copy) and _complaint(copy / package.name, trials, who) is None:
            return copy / package.name
        _sweep(home)
        scratch = home / f".{version}.{secrets.token_hex(4)}"
        for part in _parts(package):
            shutil.copytree(part, scratch / part.name, symlinks=True)
        _open_to_all(scratch)
        complaint = _complaint(scratch / package.name, trials, who)
        if complaint is not None:
            shutil.rmtree(scratch, ignore_errors=True)
            raise NotRunnable(complaint)
        if copy.exists():  # half-made or broken; who runs it keeps what it has open
            copy.rename(home / f".{version}.{secrets.token_hex(4)}")
        scratch.rename(copy)
        _sweep(home)
    return copy / package.name


def _parts(package: Path) -> list[Path]:
    """The package and the libraries that its wheel brought beside it."""
    libraries = package.with_name(f"{package.name}.libs")
    return [package, libraries] if libraries.is_dir() else [package]


def _is_whole(package: Path, copy: Path) -> bool:
    """Whether every file stands in the copy with its size."""
    return all(_listed(part) == _listed(copy / part.name) for part in _parts(package))


def _listed(tree: Path) -> dict[str, int]:
    """Size by path of every file below `tree`; what Python compiles beside it does not count."""
    return {
        str(path.relative_to(tree)): path.lstat().st_size
        for path in tree.rglob("*")
        if "__pycache__" not in path.parts and not stat.S_ISDIR(path.lstat().st_mode)
    }


def _complaint(package: Path, trials: Sequence[str], who: Account) -> str | None:
    """What goes wrong when the programs are run as `who`; None when all is well."""
    for trial in trials:
        try:
            result = subprocess.run(  # noqa: S603 -- our own programs
                [str(package / trial), "--version"],
                cwd="/",
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_TRIAL_SECONDS,
                user=who.uid,
                group=who.gid,
                extra_groups=[] if who.uid is not None else None,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{trial}: {error}"
        if result.returncode:
            return f"{trial}: {(result.stderr or result.stdout).strip()}"
    return None


def _open_to_all(tree: Path) -> None:
    """Everybody may read, and run what is run, whatever umask the packages were installed with."""
    tree.chmod(0o755)
    for path in tree.rglob("*"):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if runs else 0o644)


def _sweep(home: Path) -> None:
    """Clear away copies that were given up half-made; call it with the lock held."""
    for scratch in home.glob(".*"):
        if scratch.is_dir():
            shutil.rmtree(scratch, ignore_errors=True)
