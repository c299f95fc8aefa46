# Every task of this repository by one word; `make` alone lists them.

PYTHON ?= python3
TESTS ?= tests
ENVIRONMENTS = $(PYTHON) -m fishermask_backend.demo.environments
UV = .venv-tools/bin/uv
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements"

export PYTHONDONTWRITEBYTECODE = 1

.DEFAULT_GOAL := help
.PHONY: help demo demo-clean test docker-test docker-images lint format soak soak-faults soak-memory bench study package requirements dependencies python

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

demo: python ## Label Studio, the backend and a project on this machine [DATA=folder] [TASKS=300] [PORT=8080] [SIMULATE=120 [PACE=1]]
	@$(ENVIRONMENTS) backend label-studio
	@exec .venv/bin/python -m fishermask_backend.demo $(if $(DATA),--data "$(DATA)") $(if $(TASKS),--tasks $(TASKS)) \
		$(if $(PORT),--port $(PORT)) $(if $(SIMULATE),--simulate $(SIMULATE)) $(if $(PACE),--pace $(PACE))

demo-clean: python ## remove the demo's environments, images, projects and labels
	@$(PYTHON) -m fishermask_backend.demo.folder --remove
	rm -rf .venv .venv-label-studio .venv-tools

test: python ## run every test, those on a real Label Studio included, two at a time [TESTS=tests/fisher]
	@$(ENVIRONMENTS) dev label-studio
	LABEL_STUDIO_BIN="$(CURDIR)/.venv-label-studio/bin/label-studio" .venv/bin/python -m pytest \
		--numprocesses 2 --dist loadfile --no-loadscope-reorder $(TESTS)

docker-test: python ## the images and compose files on a real Docker engine, started if none runs [DOCKER_DATA=folder] [JOBS=2]
	@$(ENVIRONMENTS) dev
	DOCKER_DATA="$(DOCKER_DATA)" .venv/bin/python -m tests.containers.engine .venv/bin/python -m pytest -m containers -rs \
		$(if $(JOBS),--numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder) tests/containers

docker-images: python ## build the images of docker-test ahead [DOCKER_DATA=folder]
	@$(ENVIRONMENTS) dev
	DOCKER_DATA="$(DOCKER_DATA)" .venv/bin/python -m tests.containers.images

lint: python ## check style (ruff), formatting (ruff format), types (mypy, strict), which room imports which (import-linter), scripts (shellcheck) and workflows (actionlint)
	@$(ENVIRONMENTS) dev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	.venv/bin/shellcheck .ci/run docker/*.sh
	.venv/bin/actionlint -shellcheck .venv/bin/shellcheck

format: python ## format the code and mend what ruff can mend
	@$(ENVIRONMENTS) dev
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

soak: python ## the long tests: kills, faults, bad requests and answers, latency, memory, crowds; writes docs/reliability.md (an hour) [SEED=1]
	@$(ENVIRONMENTS) dev label-studio
	.venv/bin/python -m tests.soak.kills --kills 30 --rounds 10 $(if $(SEED),--seed $(SEED))
	.venv/bin/python -m tests.soak.fuzz --requests 10000
	.venv/bin/python -m tests.soak.answers --looks 200
	@$(MAKE) --no-print-directory --jobs 2 soak-faults soak-memory  # which wait for most of their time
	.venv/bin/python -m tests.soak.latency
	.venv/bin/python -m tests.soak.crowd
	.venv/bin/python -m tests.soak.page

soak-faults:
	LABEL_STUDIO_BIN="$(CURDIR)/.venv-label-studio/bin/label-studio" .venv/bin/python -m pytest -m fault \
		-o junit_family=xunit1 --junitxml=.benchmarks/reliability/faults.xml

soak-memory:
	.venv/bin/python -m tests.soak.memory

bench: python ## measure the engine and how long people wait; writes docs/benchmarks.md and docs/loop.md (two hours)
	@$(ENVIRONMENTS) dev label-studio
	.venv/bin/python -m tests.benchmarks.engine
	.venv/bin/python -m tests.benchmarks.loop

study: python ## how many labels each strategy saves; writes docs/study.md (hours; goes on where it was stopped) [SETS="cats=folder"] [SEEDS=10]
	@$(ENVIRONMENTS) dev
	.venv/bin/python -m tests.benchmarks.study $(SETS) $(if $(SEEDS),--seeds $(SEEDS))

package: python ## build wheel and source archive into dist/
	@$(ENVIRONMENTS) dev
	.venv/bin/python -m build --no-isolation

requirements: python ## compile requirements*.txt from pyproject.toml anew [UPGRADE=1]
	@test -x $(UV) || { $(PYTHON) -m venv .venv-tools && echo "*" > .venv-tools/.gitignore && .venv-tools/bin/pip install --quiet "uv>=0.9"; }
	$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml --all-extras --group dev --output-file requirements-dev.txt
	$(COMPILE) $(if $(UPGRADE),--upgrade) pyproject.toml --all-extras --constraint requirements-dev.txt --output-file requirements.txt
	echo "label-studio==1.23.2" | $(COMPILE) $(if $(UPGRADE),--upgrade) - --output-file requirements-label-studio.txt

dependencies: python ## list the pinned versions with their dates, and what is newest; writes docs/dependencies.md
	@$(ENVIRONMENTS) dev
	.venv/bin/python .ci/dependencies.py

python:
	@command -v $(PYTHON) > /dev/null || { echo "There is no $(PYTHON). Install Python 3.11 or newer, or name yours: make PYTHON=/path/to/python3 …" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old: the backend needs Python 3.11 or newer. Name one: make PYTHON=python3.12 …" >&2; exit 1; }
