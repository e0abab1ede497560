# What can be done here; `make` alone lists it. Every target installs what it needs first and says so.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

N ?= 1000
ARGS ?=
export UV_PYTHON_DOWNLOADS := never
# A path to uv, installed into a private folder on a machine without one; asked for once, when first needed.
UV = $(eval UV := $(or $(shell tools/cluster/bootstrap.sh),false))$(UV)
CLUSTER_CLI := python3 -m tools.cluster
LIGHT := .venv/bin/python
ENGINE := .venv-engine/bin/python
PROJECTS := uv.lock pyproject.toml operator/pyproject.toml worker/pyproject.toml

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^##@/ {print "\n" substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

##@ See it

.PHONY: demo demo-down
demo: .venv/.synced ## Cluster, images, operator, a small model: from kubectl apply to answers from the shards
	@$(LIGHT) -m tools.demo
demo-down: ## Take the demo's cluster down (programs and images stay in the cache)
	@$(CLUSTER_CLI) down

##@ Test it

.PHONY: test test-fast test-plane test-engine test-e2e test-faults test-crashes test-models
test: ## Everything, from nothing: fast tests, real API server, vLLM, then the cluster from end to end
	@$(MAKE) test-plane
	@$(MAKE) test-engine
	@$(MAKE) test-e2e
	@echo "make test: all passed"
test-fast: .venv/.synced ## Pure code only: no cluster, no vLLM, under a minute
	@$(LIGHT) -m pytest -q tests/unit tests/property tests/docs $(ARGS)
test-plane: .venv/.synced ## Pure code, then operator, resource and chart against a real etcd and kube-apiserver
	@echo "--- unit, property, docs, volumes, plane, runtime, faults, api, chart"
	@$(LIGHT) -m pytest -q -m "not long" tests/unit tests/property tests/docs tests/volumes tests/plane tests/runtime tests/faults tests/api tests/chart $(ARGS)
test-engine: .venv-engine/.synced ## The worker with vLLM's CPU build
	@echo "--- the worker with vLLM"
	@$(ENGINE) -m pytest -q -m "not long" tests/engine $(ARGS)
test-e2e: .venv/.synced ## The whole way on a local cluster, which goes away again unless it was up before
	@echo "--- end to end on a cluster"
	@if $(CLUSTER_CLI) status >/dev/null 2>&1; then echo "the cluster is up already, and stays up"; \
	else trap '$(CLUSTER_CLI) down' EXIT; fi; \
	$(CLUSTER_CLI) up; $(CLUSTER_CLI) load; \
	$(LIGHT) -m pytest -q tests/e2e $(ARGS) || { \
	  echo "end-to-end tests failed: pod logs and objects are under .cluster/e2e, the cluster's logs in .cluster/log" >&2; \
	  exit 1; }
test-faults: .venv/.synced ## Long: the operator behind a faulty API server, crashes at every write
	@$(LIGHT) -m pytest -q -m long tests/faults tests/runtime tests/property $(ARGS)
test-crashes: .venv-engine/.synced ## Long: the worker with vLLM, killed at every named point
	@$(ENGINE) -m pytest -q -m long tests/engine $(ARGS)
test-models: .venv-engine/.synced ## Long: every kind of model there and back, with vLLM's CPU build
	@$(ENGINE) -m tools.model_matrix $(ARGS)

##@ Change it

.PHONY: lint format generate images
lint: .venv/.synced ## Style, types, layering, the chart, and whether generated files are up to date
	@$(LIGHT) -m ruff check .
	@$(LIGHT) -m ruff format --check .
	@$(LIGHT) -m mypy
	@.venv/bin/lint-imports
	@$(LIGHT) -m tools.chart lint
	@$(LIGHT) -m shardwright_operator.api.generate --check
	@$(LIGHT) -m tools.docs --check
	@$(LIGHT) -m tools.versions --check
format: .venv/.synced ## Put the style right
	@$(LIGHT) -m ruff check --fix .
	@$(LIGHT) -m ruff format .
generate: .venv/.synced ## Write the CRD, the generated pages and the version to where they are repeated
	@$(LIGHT) -m shardwright_operator.api.generate
	@$(LIGHT) -m tools.docs
	@$(LIGHT) -m tools.versions
images: ## Build the operator's and the worker's images with buildah
	@$(CLUSTER_CLI) images

##@ A cluster on this machine

.PHONY: cluster-up cluster-down kubeconfig
cluster-up: ## Kubernetes on this machine with pretended GPUs (CLUSTER=kind or CLUSTER=current: another one)
	@$(CLUSTER_CLI) up
cluster-down: ## Take it down and leave nothing behind
	@$(CLUSTER_CLI) down
kubeconfig: ## Print the path of its kubeconfig
	@$(CLUSTER_CLI) kubeconfig

##@ Measure it

.PHONY: bench-operator bench-worker bench-gpu
bench-operator: .venv/.synced ## The operator with N=1000 resources beside a bare client
	@$(LIGHT) -m benchmarks.operator $(N) $(ARGS)
bench-worker: .venv-engine/.synced ## Writer and whole process on this machine, beside vLLM's own
	@$(ENGINE) -m benchmarks.worker $(ARGS)
bench-gpu: ## Print what to run on a machine with GPUs
	@python3 -m benchmarks.worker --print-gpu

.venv/.synced: $(PROJECTS)
	@echo "preparing .venv (tools and the operator, no vLLM)" >&2
	@$(UV) sync --quiet --frozen
	@touch $@
.venv-engine/.synced: $(PROJECTS)
	@echo "preparing .venv-engine (vLLM's CPU build: some GB, some minutes, once)" >&2
	@UV_PROJECT_ENVIRONMENT=.venv-engine $(UV) sync --quiet --frozen --extra engine-cpu
	@touch $@
