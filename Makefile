# The portal's commands; `make help` lists them. Hooks and CI call these and nothing else.

PORT ?= 8000
VENV ?= .venv
# The first Python found that is new enough; PYTHON=… names another.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then command -v $$python; exit; fi; done)
BIN := $(VENV)/bin
JOBS ?= 2

# For checks that read the settings and no data: values of the right form, secret to nobody.
CHECK_ENV := CANBAO_HOME=$(or $(TMPDIR),/tmp)/canbao-check \
	CANBAO_SECRET_KEY=0-only-so-that-checks-can-read-the-settings-file-0123456789 \
	CANBAO_ID_KEYS=k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE= \
	CANBAO_INDEX_KEY=MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=

# An environment whose Python has gone (an upgrade of the machine) is made anew.
$(shell test -d $(VENV) && ! $(BIN)/python -c '' 2>/dev/null && rm -rf $(VENV))

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint bench lock python

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup  ## the whole portal with demonstration data; PORT=8001 changes the port
	@PORT=$(PORT) exec $(BIN)/python -m config.supervisor

setup: $(VENV)/.installed  ## the environment in .venv, nothing else

test: $(VENV)/.installed-dev check  ## everything the tests need, then all checks and tests
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

check: $(VENV)/.installed-dev  ## lint, format, types, migrations, deployment settings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(CHECK_ENV) $(BIN)/mypy
	$(CHECK_ENV) $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(CHECK_ENV) CANBAO_ENV=production CANBAO_HOSTS=canbao.example \
		DATABASE_URL=postgresql://check@db/check REDIS_URL=redis://redis/0 \
		$(BIN)/python manage.py check --deploy --fail-level WARNING

lint: $(VENV)/.installed-dev  ## ruff and its formatter, repairing what they can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-dev  ## the benchmarks, each figure beside its floor
	$(BIN)/python -m benchmarks

lock: $(VENV)/.installed-dev  ## compile requirements.txt and requirements-dev.txt anew (needs uv)
	uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-header \
		--no-emit-index-url --no-emit-find-links requirements.in -o requirements.txt
	uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-header \
		--no-emit-index-url --no-emit-find-links -c requirements.txt \
		requirements-dev.in -o requirements-dev.txt

# The environment. A stamp per lock file: a second `make` does nothing.

python:
	@test -n "$(PYTHON)" || { echo "错误：需要 Python 3.11 或更新的版本（例如 apt-get install python3 python3-venv），也可用 PYTHON=路径 指定。" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "错误：这台机器的 Python 没有 venv 模块，请先安装：apt-get install python3-venv（需要时用 sudo）。" >&2; exit 1; }

$(BIN)/pip: | python
	@echo "正在建立环境 $(VENV)……"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt | $(BIN)/pip
	@echo "正在安装依赖（第一次约需一分钟）……"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt | $(VENV)/.installed
	@echo "正在安装测试所需的依赖……"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@
