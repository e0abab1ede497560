# All tasks of the project; `make` alone lists them. Every target installs what it needs first, and prints a line then.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

N ?= 1000
ARGS ?=
export UV_PYTHON_DOWNLOADS := never
# The path of uv, which is installed to a folder in the cache if the machine has none; evaluated once, at its first use.
UV = $(eval UV := $(or $(shell tools/cluster/bootstrap.sh),false))$(UV)
CLUSTER_CLI := python3 -m tools.cluster
LIGHT := .venv/bin/python
ENGINE := .venv-engine/bin/python
PROJECTS := uv.lock pyproject.toml operator/pyproject.toml worker/pyproject.toml

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^##@/ {print "\n" substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

##@ Demo

.PHONY: demo demo-down
demo: .venv/.synced ## Start a cluster, install the operator, shard a tiny model and serve it
	@$(LIGHT) -m tools.demo
demo-down: ## Stop the demo's cluster and delete its state (images and programs stay in the cache)
	@$(CLUSTER_CLI) down

##@ Tests

.PHONY: test test-fast test-plane test-engine test-e2e test-faults test-crashes test-models test-engines coverage
test: ## All tests but the long ones: test-plane, test-engine and test-e2e
	@$(MAKE) test-plane
	@$(MAKE) test-engine
	@$(MAKE) test-e2e
	@echo "make test: all passed"
test-fast: .venv/.synced ## Tests of pure code and of the documentation, without a cluster and without vLLM
	@$(LIGHT) -m pytest -q tests/unit tests/property tests/docs $(ARGS)
test-plane: .venv/.synced ## The fast tests, then operator, resource and chart with a real etcd and kube-apiserver
	@echo "--- unit, property, docs, volumes, plane, runtime, faults, api, chart"
	@$(LIGHT) -m pytest -q -m "not long" tests/unit tests/property tests/docs tests/volumes tests/plane tests/runtime tests/faults tests/api tests/chart $(ARGS)
test-engine: .venv-engine/.synced ## Tests of the worker with vLLM's CPU build
	@echo "--- the worker with vLLM"
	@$(ENGINE) -m pytest -q -m "not long" tests/engine $(ARGS)
test-e2e: .venv/.synced ## End-to-end tests on a local cluster, which is stopped afterwards unless it ran before
	@echo "--- end to end on a cluster"
	@if $(CLUSTER_CLI) status >/dev/null 2>&1; then echo "using the running cluster"; \
	else trap '$(CLUSTER_CLI) down' EXIT; fi; \
	$(CLUSTER_CLI) up; $(CLUSTER_CLI) load; \
	$(LIGHT) -m pytest -q tests/e2e $(ARGS) || { \
	  echo "end-to-end tests failed: objects and pod logs are in .cluster/e2e, the cluster's logs in .cluster/log" >&2; \
	  exit 1; }
test-faults: .venv/.synced ## Long: random mixes of API server faults, long property tests
	@$(LIGHT) -m pytest -q -m long tests/faults tests/runtime tests/property $(ARGS)
test-crashes: .venv-engine/.synced ## Long: the worker with vLLM, killed at every crash point
	@$(ENGINE) -m pytest -q -m long tests/engine $(ARGS)
test-models: .venv-engine/.synced ## Long: every kind of model with every layout, with vLLM's CPU build
	@$(ENGINE) -m tools.model_matrix $(ARGS)
test-engines: .venv/.synced ## Long: the core of the models with the oldest, a middle and the newest CPU release of vLLM
	@$(LIGHT) -m tools.model_matrix.releases $(UV) $(ARGS)
coverage: .venv/.synced ## Line and branch coverage of the fast tests and the runtime tests (some minutes)
	@$(LIGHT) -m coverage erase
	@$(LIGHT) -m coverage run -m pytest -q -m "not long" tests/unit tests/property tests/docs tests/runtime $(ARGS)
	@$(LIGHT) -m coverage combine --quiet
	@$(LIGHT) -m tools.coverage

##@ Development

.PHONY: lint format generate images
lint: .venv/.synced ## Check style, types, imports, the chart, and that generated files are up to date
	@$(LIGHT) -m ruff check .
	@$(LIGHT) -m ruff format --check .
	@$(LIGHT) -m mypy
	@.venv/bin/lint-imports
	@$(LIGHT) -m tools.chart lint
	@$(LIGHT) -m shardwright_operator.api.generate --check
	@$(LIGHT) -m tools.docs --check
	@$(LIGHT) -m tools.versions --check
format: .venv/.synced ## Format the code
	@$(LIGHT) -m ruff check --fix .
	@$(LIGHT) -m ruff format .
generate: .venv/.synced ## Write the CRD, the generated pages and the version to where they are repeated
	@$(LIGHT) -m shardwright_operator.api.generate
	@$(LIGHT) -m tools.docs
	@$(LIGHT) -m tools.versions
images: ## Build the images of the operator and the worker with buildah
	@$(CLUSTER_CLI) images

##@ Local cluster

.PHONY: cluster-up cluster-down kubeconfig
cluster-up: ## Start a cluster with simulated GPUs on this machine (CLUSTER=kind: in Docker; CLUSTER=current: use a kubeconfig)
	@$(CLUSTER_CLI) up
cluster-down: ## Stop it and delete its state
	@$(CLUSTER_CLI) down
kubeconfig: ## Print the path of its kubeconfig
	@$(CLUSTER_CLI) kubeconfig

##@ Benchmarks

.PHONY: bench-operator bench-worker bench-gpu
bench-operator: .venv/.synced ## Measure the operator with N=1000 resources, beside a baseline client
	@$(LIGHT) -m benchmarks.operator $(N) $(ARGS)
bench-worker: .venv-engine/.synced ## Measure the worker's writer; ARGS="--process 0.2B": the whole process beside vLLM's script
	@$(ENGINE) -m benchmarks.worker $(ARGS)
bench-gpu: ## Print the commands for a machine with GPUs
	@python3 -m benchmarks.worker.gpu_commands

.venv/.synced: $(PROJECTS)
	@echo "preparing .venv (tools and the operator, no vLLM)" >&2
	@$(UV) sync --quiet --frozen
	@touch $@
.venv-engine/.synced: $(PROJECTS)
	@echo "preparing .venv-engine (vLLM's CPU build: some GB, some minutes, once)" >&2
	@UV_PROJECT_ENVIRONMENT=.venv-engine $(UV) sync --quiet --frozen --extra engine-cpu
	@touch $@
