# Everything a person types. `make` alone lists it. PORT= and SANDBOX_PORT= on the command line reach the service.

PYTHON ?= $(shell .ci/python)
PY := .venv/bin/python
# More than cores: tests wait for the database, browsers and other programs.
TEST_PROCESSES ?= $(shell expr $$(nproc) + 2)
# Containers often forbid Python to keep what it has compiled; then every process that a test starts, and there are
# hundreds, compiles the whole service anew: half of what a start costs.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help serve test test-fast test-ahead check bench setup install lock browser docs pictures

help: ## 列出以下命令
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

serve: setup ## 在本机运行整套服务（PORT=8000 SANDBOX_PORT=8001），按 Ctrl-C 停止
	@exec $(PY) -m server.cli serve --dev

# COVERAGE=yes: also which lines the test processes reach (not the programs that they start), kept in var/coverage.txt.
COVER := slipcover --source server,miniprogram_api --out var/coverage.txt -m

test: setup browser ## 全部测试，在真实的 PostgreSQL、Redis 和 Chromium 上
	@mkdir -p var
	@$(PY) -m $(if $(COVERAGE),$(COVER)) pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

test-fast: setup ## 较快的测试：不含浏览器、命令行、整套服务和大数据量
	@$(PY) -m pytest -q -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder -m 'not slow and not browser' \
		$(foreach folder,browser commands journeys large,--ignore=tests/$(folder)) $(ARGS)

# What judges dates, keys, seals, sessions and the way of a certificate: where a fixed day would hide. AHEAD=tests: everything.
AHEAD ?= tests/rules tests/adapters/test_keys.py tests/adapters/documents/test_seal.py \
	tests/adapters/documents/test_verify.py tests/domain/test_issuance_path.py tests/domain/test_sessions.py \
	tests/domain/test_certificates.py tests/domain/test_timetable.py tests/web/test_verification.py

test-ahead: setup browser ## 部分测试，时钟拨快 400 天：没有一项测试只在某些日子通过
	@TZ=UTC PYTHONPATH=tests/ahead faketime '+400 days' $(PY) -m pytest -q -n $(TEST_PROCESSES) --dist loadfile $(AHEAD) $(ARGS)

check: setup ## 格式、静态检查、类型、导入规则
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports

bench: setup ## 性能对比，全部以同一次运行中的比值表示
	@$(PY) -m tests.bench $(ARGS)

setup: ## 建立或更新 .venv
	@PYTHON="$(PYTHON)" .ci/setup

install: ## 安装到生产环境：make install PREFIX=/opt/xcert，只有运行所需的依赖
	@PYTHON="$(PYTHON)" PREFIX="$(PREFIX)" .ci/install

browser: ## 测试用的 Chromium、中文字体和 pdfsig
	@.ci/browser

LOCKED = $(PY) -m uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet

lock: setup ## 重新计算两份锁：requirements.lock 与 requirements-dev.lock（升级依赖：make lock ARGS=--upgrade）
	@$(LOCKED) -o requirements.lock $(ARGS)
	@$(LOCKED) --extra dev --constraint requirements.lock -o requirements-dev.lock $(ARGS)

docs: setup ## 重写文档里由程序生成的表格
	@$(PY) -m server.cli docs
	@$(PY) -m tests.architecture.rule_places
	@$(PY) -m tests.architecture.decisions

pictures: setup browser ## 重新照下工作台“帮助”里的图（只换页面变了的），照完请看一遍
	@XCERT_PICTURES=take $(PY) -m pytest -q tests/browser/test_help_pictures.py
