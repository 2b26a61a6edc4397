"""Where embedded servers may live: folders and programs that their account can reach.

PostgreSQL refuses to run as root, so root runs it as `nobody`, who cannot pass a 0700 home. Then the data and a copy
of the programs stand below `/var/lib/xcert`, and the service's own folder keeps a pointer to them.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

OUTSIDE = Path("/var/lib/xcert")


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a server runs as; None in `uid` means: as ourselves."""

    uid: int | None = None
    gid: int | None = None

    def may_pass(self, folder: Path) -> bool:
        """Whether the account can walk into `folder` and all that stands above it."""
        if self.uid is None:
            return True
        for place in (folder, *folder.parents):
            status = place.stat()
            if status.st_uid == self.uid:
                bit = stat.S_IXUSR
            elif status.st_gid == self.gid:
                bit = stat.S_IXGRP
            else:
                bit = stat.S_IXOTH
            if not status.st_mode & bit:
                return False
        return True

    def owns(self, path: Path) -> None:
        """Give `path` to the account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def account() -> Account:
    """`nobody` when we are root, otherwise ourselves."""
    if os.geteuid() != 0:
        return Account()
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def data_place(folder: Path, who: Account) -> Path:
    """A folder for data that `who` can reach: `folder` itself, or one below `/var/lib/xcert`.

    Args:
        folder: the service's folder for this server; made if missing. It keeps the pointer `place`. If it is a
            temporary folder, its data may be cleared away once it is gone.
        who: whom the server runs as.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)  # what lies in it guards itself
    if who.may_pass(folder):
        return folder
    pointer = folder / "place"
    if pointer.exists():
        place = Path(pointer.read_text("utf-8").strip())
        if place.is_dir() and _belongs(place, folder):
            return place
    _sweep()
    open_folder(OUTSIDE / "data")
    place = OUTSIDE / "data" / secrets.token_hex(8)
    open_folder(place)
    (place / "owner").write_text(str(folder), "utf-8")
    if folder.is_relative_to(Path(tempfile.gettempdir()).resolve()):
        (place / "throwaway").touch()
    write(pointer, str(place))
    return place


def open_folder(folder: Path) -> None:
    """Make a folder of ours below OUTSIDE that every account may walk into, whatever our umask is."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in (folder, *folder.parents):
        if one == OUTSIDE or OUTSIDE in one.parents:
            one.chmod(0o711)


def forget(place: Path, folder: Path) -> None:
    """Clear away data that stands outside its folder."""
    if place != folder:
        shutil.rmtree(place, ignore_errors=True)
        (folder / "place").unlink(missing_ok=True)


def secret(path: Path) -> str:
    """The password kept in `path` (0600), made on first use."""
    if not path.exists():
        write(path, secrets.token_urlsafe(24))
    return path.read_text("utf-8").strip()


def _belongs(place: Path, folder: Path) -> bool:
    """Whether the data is this folder's: a copied checkout starts anew, a moved one keeps its data."""
    mark = place / "owner"
    owner = Path(mark.read_text("utf-8").strip())
    if owner == folder:
        return True
    try:
        if (owner / "place").read_text("utf-8").strip() == str(place):
            return False
    except OSError:
        pass  # the former folder is gone: this one was moved here
    write(mark, str(folder))
    return True


def _sweep() -> None:
    """Clear away data of temporary folders that are gone."""
    for mark in OUTSIDE.glob("data/*/throwaway"):
        try:
            owner = Path((mark.parent / "owner").read_text("utf-8").strip())
        except OSError:
            continue
        if not owner.exists():
            shutil.rmtree(mark.parent, ignore_errors=True)


def write(path: Path, text: str) -> None:
    """Write a small file whole or not at all, readable by us alone."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.touch(mode=0o600)
    scratch.write_text(text, "utf-8")
    scratch.replace(path)
