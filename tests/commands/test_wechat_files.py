"""`xcert wechat file …` as an operator types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from server import cli


def test_files_are_put_listed_and_taken_away(
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def xcert(*typed: str | Path) -> tuple[object, str]:
        with pytest.raises(SystemExit) as done:
            cli.main([str(one) for one in ("wechat", "file", *typed)])
        said = capsys.readouterr()
        return done.value.code, said.out + said.err

    file = tmp_path / "MP_verify_Zk3.txt"
    file.write_bytes(b"Zk3")
    code, said = xcert("add", file, "--under", "/v/")
    assert (code, "/v/MP_verify_Zk3.txt" in said) == (0, True)
    assert (tmp_path / "var/vault/wechat-files/v/MP_verify_Zk3.txt").read_bytes() == b"Zk3"
    code, said = xcert("add", file, "--under", "/h5/")
    assert (code, "验证文件只能放在" in said) == (1, True)
    code, said = xcert("add", tmp_path / "nothing.txt")
    assert (code, "无法读取" in said) == (1, True)
    assert "/v/MP_verify_Zk3.txt　3 字节" in xcert("list")[1]
    assert xcert("remove", file.name, "--under", "/v/")[0] == 0
    assert "还没有验证文件" in xcert("list")[1]
