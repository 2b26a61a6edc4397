"""What goes into the wheel beside the packages: `static/`, as `server/static`. Used by the build alone (pyproject.toml)."""

from __future__ import annotations

from pathlib import Path

from setuptools.command.build_py import build_py

SOURCE = "static"
PLACE = "server/static"


class BuildWithStatic(build_py):  # type: ignore[misc]  # setuptools has no types
    """Setuptools' own, and after it the files of `static/`; an editable installation finds them where they are."""

    def run(self) -> None:
        super().run()
        for source, target in self._files():
            self.mkpath(str(target.parent))
            self.copy_file(str(source), str(target), preserve_mode=False)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Every file that is built."""
        return [*super().get_outputs(include_bytecode), *(str(target) for _, target in self._files())]

    def _files(self) -> list[tuple[Path, Path]]:
        if self.editable_mode:
            return []
        return [
            (file, Path(self.build_lib, PLACE, file.relative_to(SOURCE)))
            for file in sorted(Path(SOURCE).rglob("*"))
            if file.is_file()
        ]
