# Every target is documented by the sentence behind its ##; `make help` prints them.

PYTHON3 ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
CONSTRAINTS := -c constraints.txt

# Without an NVIDIA card torch comes as its CPU build, which is far smaller.
TORCH := torch==2.13.0
TORCH_INDEX_URL ?= https://download.pytorch.org/whl/cpu

PACKAGES := protos services/common services/encoder services/generator services/web clients/python
MANIFESTS := pyproject.toml constraints.txt $(PACKAGES:%=%/pyproject.toml)
PROTO_FILES := $(shell find protos/sightline -name '*.proto')

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

CHECKOV := .cache/checkov/bin/checkov
CRDS := .cache/crds/node_modules

MODEL ?= $(or $(SIGHTLINE_MODEL),models/sightline-nano)
# More options of training.evaluate, such as EVAL="--world whole"; else the world that the card names.
EVAL ?=

.DEFAULT_GOAL := help
.PHONY: help setup protos run test test-clients test-gpu test-images check check-deploy format bench bench-peers bench-encoder bench-gpu bench-page eval screenshots clean

help: ## Prints this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-14s %s\n", $$1, $$2}'

setup: $(VENV)/.runtime $(VENV)/.dev protos/gen/.stamp ## Installs everything into .venv; a second call does nothing.

protos: $(VENV)/.runtime ## Compiles the .proto files into protos/gen/.
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python protos/build_stubs.py && touch protos/gen/.stamp

run: $(VENV)/.runtime protos/gen/.stamp ## Starts the suite; MODEL= names a folder or hub id.
	@SIGHTLINE_MODEL="$(MODEL)" exec $(BIN)/python -m sightline_common.launcher

test: setup ## Runs all tests; what the machine lacks is skipped and said.
	@$(BIN)/python -m pytest tests --numprocesses auto --maxprocesses 4

test-clients: setup ## Builds the clients in other languages and takes each on its journey.
	@$(BIN)/python -m pytest tests/clients -m toolchain

test-gpu: setup ## Runs the tests that need an NVIDIA GPU.
	@$(BIN)/python -m pytest tests -m gpu

test-images: setup ## Builds the container images with podman and tests them; BASE= names another base.
	@for image in suite encoder generator web; do \
	  name=sightline-$$image; [ $$image = suite ] && name=sightline; \
	  podman build --format docker $(if $(BASE),--build-arg BASE=$(BASE)) $(PODMAN_BUILD) \
	    --file deploy/containers/$$image.Containerfile --tag $$name:$(VERSION) . || exit 1; \
	done
	@$(BIN)/python -m pytest tests/containers -m containers

check: setup ## Runs every static check: ruff, mypy, import rules, protos.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint protos
	$(BIN)/buf format protos --diff --exit-code
	$(BIN)/buf breaking protos --against protos/released.binpb

check-deploy: setup $(CHECKOV) $(CRDS) ## Checks the Kubernetes manifests: schemas, CRD models, what schemas miss, checkov.
	@$(BIN)/python -m pytest tests/deploy --quiet
	@for overlay in $$($(BIN)/python -m tests.deploy.manifests); do \
	  $(BIN)/python -m tests.deploy.manifests $$overlay >.cache/manifests.yaml \
	    && node .cache/crds/validate.mjs <.cache/manifests.yaml \
	    && $(CHECKOV) --config-file deploy/k8s/checkov.yaml --file .cache/manifests.yaml || exit 1; \
	done

format: setup ## Formats Python and protos.
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format .
	$(BIN)/buf format protos --write

bench: setup .cache/models/random-300m ## Measures the suite beside the peers that are set up.
	@$(BIN)/python -m benchmarks --model "$(MODEL)"
	@$(BIN)/python -m benchmarks --model .cache/models/random-300m --workloads text-128 --impatient
	@$(BIN)/python -m benchmarks.overhead --model "$(MODEL)"

bench-peers: setup ## Sets up the peers of `make bench`, each in an environment of its own.
	@$(BIN)/python -m benchmarks.environments

bench-encoder: setup ## Measures the encoder beside transformers' processor and tower.
	@$(BIN)/python -m benchmarks.encoder --model "$(MODEL)"

bench-gpu: setup ## Measures the 9B configuration on a GPU beside transformers' generate.
	@$(BIN)/python -m benchmarks.gpu

bench-page: setup ## Measures the page: bytes, paint, long conversations, streams.
	@$(BIN)/python -m benchmarks.page

screenshots: setup ## Takes pictures of the page's main states into .cache/screenshots/.
	@$(BIN)/python -m tests.browser.screenshots

eval: setup ## Measures sightline-nano on pictures that it never saw.
	@$(BIN)/python -m training.evaluate --model "$(MODEL)" $(EVAL)

.cache/models/random-300m: | setup
	@$(BIN)/python -m benchmarks.random_model --folder $@

$(CHECKOV):
	@$(PYTHON3) -m venv .cache/checkov
	@.cache/checkov/bin/pip --disable-pip-version-check install --quiet checkov==3.3.30

$(CRDS): $(addprefix deploy/k8s/crds/,package.json package-lock.json validate.mjs)
	@mkdir -p .cache/crds && cp $^ .cache/crds
	@npm ci --silent --prefix .cache/crds && touch $@

clean: ## Removes the environment, stubs and caches; keeps data/.
	rm -rf $(VENV) clients/*/build clients/go/pb clients/node/node_modules protos/gen .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/pip:
	@$(PYTHON3) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Sightline needs Python 3.11 or newer; set PYTHON3=/path/to/python3.11"; exit 1; }
	@echo "Setting up $(VENV): once, a minute or a few."
	@$(PYTHON3) -m venv $(VENV)
	@$(PIP) install --quiet --upgrade 'pip>=25.1'

$(VENV)/.torch: $(VENV)/bin/pip
	@echo "Installing torch."
	@if nvidia-smi -L >/dev/null 2>&1; then \
	  $(PIP) install --quiet $(TORCH); \
	else \
	  $(PIP) install --quiet --retries 1 --timeout 20 --index-url $(TORCH_INDEX_URL) $(TORCH) 2>/dev/null \
	    || { echo "No torch at $(TORCH_INDEX_URL); taking the plain pin."; $(PIP) install --quiet $(TORCH); }; \
	fi
	@touch $@

$(VENV)/.runtime: $(MANIFESTS) $(VENV)/.torch
	@echo "Installing the services."
	@$(PIP) install --quiet $(CONSTRAINTS) --group build
	@PATH="$(abspath $(BIN)):$$PATH" $(PIP) install --quiet $(CONSTRAINTS) --no-build-isolation $(PACKAGES:%=-e ./%)
	@touch protos/gen/.stamp $@

$(VENV)/.dev: pyproject.toml constraints.txt $(VENV)/.runtime
	@echo "Installing what tests and checks need."
	@$(PIP) install --quiet $(CONSTRAINTS) --group dev
	@touch $@

protos/gen/.stamp: $(PROTO_FILES) protos/build_stubs.py | $(VENV)/.runtime
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python protos/build_stubs.py && touch $@
