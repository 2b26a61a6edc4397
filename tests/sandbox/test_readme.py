"""The sandbox's README names every path there is, and none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

from sanic import Blueprint

from server.sandbox import app as sandbox
from server.sandbox import control, limits, pay, phone, scenario_desk, start, unknown, webview
from server.sandbox.pay import control as pay_control
from server.sandbox.pay import phone as pay_phone

README = Path(sandbox.__file__).parent / "README.md"
SPOKEN_OF = re.compile(r"`(?:(?:GET|POST|DELETE|, )+ )?(/(?!wechat/)[^`?\s]+)[^`]*`")
OTHERS = {"/sns"}  # spoken of as a whole


def served() -> set[str]:
    """Every path of the sandbox, `{}` for what varies, without the service's own pages in the web view."""
    blueprints: list[Blueprint] = [
        *sandbox.WECHAT,
        control.bp,
        start.bp,
        scenario_desk.bp,
        phone.bp,
        pay_control.bp,
        pay_phone.bp,
    ]
    found = {(bp.url_prefix or "") + str(route.uri) for bp in blueprints for route in bp._future_routes}
    found -= {f"/{place}/<path:path>" for place in unknown.PLACES}  # addresses that no call has
    found |= {route.path for route in pay.ROUTES} | {webview.SDK}
    return {_plain(path) for path in found}


def _plain(path: str) -> str:
    return re.sub(r"<[^>]*>|\{[^},]*\}", "{}", path).rstrip("/")


def _expanded(path: str) -> list[str]:
    """`/a/{b,c}` as /a/b and /a/c."""
    found = re.search(r"\{([^{}]*,[^{}]*)\}", path)
    if found is None:
        return [_plain(path)]
    before, after = path[: found.start()], path[found.end() :]
    return [one for name in found[1].split(",") for one in _expanded(before + name.strip() + after)]


def named() -> set[str]:
    text = README.read_text("utf-8")
    return {one for path in SPOKEN_OF.findall(text) for one in _expanded(path)} - OTHERS


def test_every_path_of_readme_is_served() -> None:
    assert sorted(named() - served()) == []


def test_every_path_is_in_readme() -> None:
    """Of WeChat Pay the README shortens some paths with an ellipsis; they begin as another one does."""
    missing = {path for path in served() - named() if not path.startswith(("/v3/", "/phone/pay/"))}
    assert sorted(missing) == []


def test_numbers_have_one_place() -> None:
    """A figure of WeChat's stands in limits.py alone; those from 300 on are looked for, milliseconds excepted."""
    named_there = {str(value) for value in vars(limits).values() if isinstance(value, int) and value >= 300}
    text = {
        file.name: re.sub(r'"""[\s\S]*?"""|#.*|f?"[^"\n]*"', "", file.read_text("utf-8"))
        for file in sorted(README.parent.glob("*.py"))
        if file.name not in ("limits.py", "refusals.py")
    }
    found = {
        (name, number)
        for name, source in text.items()
        for number in re.findall(r"\b\d[\d_]*\b", source)
        if number.replace("_", "") in named_there
    }
    assert {(name, number) for name, number in found if number != "1000"} == set()
