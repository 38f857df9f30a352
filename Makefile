# The two commands: `make up` (a real cluster on this machine) and `make test` (everything that is tested).
.PHONY: help up down clean venv dev long check unit test test-long hw-test bench faults format
.DEFAULT_GOAL := help

PY := .venv/bin/python
PYTEST := .venv/bin/pytest
ROOT := .wherry
NODES := 2

help: ## say what there is
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

venv: ## Debian packages and .venv, only what is missing
	@packaging/setup

dev: ## the same, with what checks and tests need
	@packaging/setup dev

long: ## the same, with the browser that the longest tests need
	@packaging/setup long

up: venv ## a real cluster: a master, two virtual nodes, a sample that answers through its Service
	@.venv/bin/master up --root $(ROOT) --virtual-nodes $(NODES) --no-node

down: ## stop it; leaves no process, namespace, mount, cgroup, rule or route
	@test ! -x .venv/bin/master || .venv/bin/master down --root $(ROOT)

clean: down ## down, and the data too
	@rm -rf $(ROOT)

format: dev ## let ruff format the code
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

check: dev ## format, lint, types, import directions
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

unit: dev ## ≤ 60 s, without root: virtual clock, memory store, recordings
	$(PYTEST) tests/kube tests/probes tests/master tests/agent tests/provisioning tests/house -n 2 -q

test: unit ## ≤ 20 min: unit, every room on real parts, one shared cluster, the kubectl tour, 10 kills
	$(PYTEST) tests/system tests/cluster --durations=20 -q
	$(PYTEST) tests/faults -m usual -q

test-long: long ## ≤ 30 min, by hand: repetition, faults, fuzzing, a virtual machine from its blank card on
	$(PYTEST) tests/long hw-tests/machines --durations=20 -q

hw-test: dev ## ≤ 20 min: labgrid on virtual nodes: join and run a pod
	$(PYTEST) hw-tests --ignore=hw-tests/machines --durations=20 -q

faults: dev ## ≤ 5 min: each fault of the field on a virtual node: named first? healed by its fix?
	$(PYTEST) tests/faults -q

bench: venv ## every budget with this machine's figure beside it
	$(PY) -m bench
