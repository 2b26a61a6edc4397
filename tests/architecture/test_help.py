"""The console's help: every page written and linked, every word that it quotes on a real page, every picture there."""

from __future__ import annotations

import re
import subprocess

from PIL import Image

from server.web.console.help_jobs import GROUPS, JOBS, PICTURES
from server.web.console.page_base import NAV
from tests.kit import help_camera
from tests.kit.repository import ROOT, tracked

PAGES = ROOT / "server/web/templates/console/help"
ELSEWHERE = {"/console/account"}  # not in the navigation, but at its foot


def texts() -> dict[str, str]:
    return {path.stem: path.read_text("utf-8") for path in PAGES.glob("*.html")}


def test_every_job_has_its_page_and_every_page_its_job() -> None:
    assert set(texts()) == set(JOBS) and len(JOBS) == sum(len(jobs) for _, jobs in GROUPS)


def test_every_page_of_the_console_is_spoken_of() -> None:
    rooms = {href for href, _, _ in NAV} - {"/console/help"}
    spoken = {page for job in JOBS.values() for page in job.pages}
    assert rooms - spoken == set() and spoken - rooms == ELSEWHERE


def test_what_help_quotes_stands_on_a_page() -> None:
    """A button that was renamed is renamed in the help, too."""
    shown = "".join(
        path.read_text("utf-8")
        for path in tracked("server/*.py", "server/web/templates/console/*.html", "static/js/*.js")
        if not path.is_relative_to(PAGES) and path.name != "help_jobs.py"
    )
    titles = {job.title for job in JOBS.values()}
    quoted = {(slug, words) for slug, text in texts().items() for words in re.findall("“([^”]+)”", text)}
    assert len(quoted) > 150
    assert [one for one in sorted(quoted) if one[1] not in shown and one[1] not in titles] == []


def test_every_picture_is_there_is_shown_and_is_the_one_that_was_taken() -> None:
    files = {path.stem: path.read_bytes() for path in help_camera.FOLDER.glob("*.webp")}
    named = {name for text in texts().values() for name in re.findall(r'picture\("([a-z-]+)"\)', text)}
    assert set(files) == set(PICTURES) == named
    assert {name: help_camera.mark(body) for name, body in files.items()} == {
        name: picture for name, (picture, _) in help_camera.kept().items()
    }
    assert sum(len(body) for body in files.values()) <= help_camera.MOST
    for name in files:
        with Image.open(help_camera.FOLDER / f"{name}.webp") as picture:
            assert picture.format == "WEBP" and picture.width <= help_camera.WIDTH, name


def test_make_pictures_takes_them() -> None:
    done = subprocess.run(["make", "-n", "pictures"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "XCERT_PICTURES=take" in done.stdout and "test_help_pictures.py" in done.stdout
