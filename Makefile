# Everything a developer, CI and a newcomer need. `make` explains itself; a fresh machine needs Python >= 3.11, make and git.

PYTHON ?= python3
JOBS ?= auto
# The cluster tests mostly wait, so that they fit beside the unit tests, which compute.
CLUSTER_JOBS ?= 6
DEMO_ARGS ?=
RELEASE_ARGS ?=
# A cluster of yours, which is left as it was found, instead of one that is built.
DEMO_KUBECONFIG ?=
ATTACK_KUBECONFIG ?=
FUZZ_SECONDS ?= 60
SIMULATION_EXAMPLES ?= 1000
# The kubelet's syncFrequency in make e2e; 1m0s is what clusters have. And a cluster of yours instead of a node.
E2E_SYNC ?= 1m0s
E2E_KUBECONFIG ?=
export E2E_SYNC
SOAK_ROTATIONS ?= 52
CHURN_MINUTES ?= 20
CHURN_ARGS ?=
BENCH_ARGS ?=
# A commit for make bench-last, in place of the last release.
BENCH_AGAINST ?=
# Kubernetes versions for make matrix, with commas between them.
K8S ?=
MATRIX_ARGS ?=
SITE_ARGS ?=

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/jwks-operator
# The pinned uv; `make UV=uv` takes the one on PATH instead.
UV ?= $(CACHE)/uv-$(shell sed -n 's/^uv==\([0-9.]*\).*/\1/p' hack/uv.txt)/bin/uv
BIN := .venv/bin
READY := .venv/.ready
CRD := crds/jsonwebkeysets.jwks-operator.dev.yaml

# The interpreter is the machine's own, never a downloaded one.
export UV_PYTHON_DOWNLOADS := never
export PYTHONPATH := hack
# The tests start hundreds of Python processes: none should compile its modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  Variables: PYTHON=$(PYTHON)  JOBS=$(JOBS) (test processes)  DEMO_ARGS=--once  PYTEST_ARGS='-k name'"

# --- Tools -------------------------------------------------------------------------------------------------

.PHONY: setup
setup: $(READY) ## Install the locked tools and dependencies into .venv

$(READY): pyproject.toml uv.lock | $(filter /%,$(UV))
	$(UV) sync --locked --python $(PYTHON)
	@touch $@

$(CACHE)/uv-%/bin/uv: | hack/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is missing or older than 3.11; name another with: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "make: $(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; \
	    echo "make: with a uv of your own: make UV=uv" >&2; exit 1; }
	@echo "Installing uv into $(CACHE)"
	@$(PYTHON) -m venv --clear '$(@:/bin/uv=)'
	@'$(@D)/python' -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes -r hack/uv.txt

.PHONY: uv-pin
uv-pin: $(READY) ## Write hack/uv.txt for UV_VERSION=x.y.z
	@test -n "$(UV_VERSION)" || { echo "make: say which: make uv-pin UV_VERSION=x.y.z" >&2; exit 1; }
	@{ echo '# The pinned uv that `make` and the Dockerfile install; `make uv-pin` writes this file.'; \
	  echo 'uv==$(UV_VERSION)' | $(UV) pip compile - --universal --generate-hashes --no-header --no-annotate --quiet; \
	} > hack/uv.txt.new && mv hack/uv.txt.new hack/uv.txt

# --- Checks ------------------------------------------------------------------------------------------------

.PHONY: test
test: $(READY) ## Run every check and test, fast ones first
	@$(BIN)/python hack/stages.py lint+contracts+check-generated+types unit+cluster

.PHONY: nightly
nightly: $(READY) ## Run what takes longer, after make test: crash points, mutants, the library matrix, histories, endurance
	@$(BIN)/python hack/stages.py thorough verifiers upgrade histories endurance bench-last

.PHONY: bench-last
bench-last: $(READY) ## Compare what creating a set costs with the last release, in one run; fails on a loss of 15 %
	@$(MAKE) --no-print-directory bench BENCH_ARGS="--quick --against $(BENCH_AGAINST)"

.PHONY: lint
lint: $(READY) ## Check format and style (make format repairs)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.PHONY: format
format: $(READY) ## Repair format and style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: types
types: $(READY) ## Check the types
	$(BIN)/mypy

.PHONY: contracts
contracts: $(READY) ## Check the floor plan
	$(BIN)/lint-imports --no-cache

.PHONY: generate
generate: $(READY) ## Write everything that is generated
	$(BIN)/python -m jwks_operator crd > $(CRD)
	PYTHONPATH=tests $(BIN)/python -m clients.matrix > docs/algorithms.md
	$(BIN)/python -m pictures
	$(BIN)/python -m manual
	$(BIN)/python -m readers
	$(BIN)/python -m waits
	PYTHONPATH=hack:tests $(BIN)/python -m docs.promises
	$(BIN)/python -m decisions
	$(BIN)/python -m reference
	$(BIN)/python -m helmchart
	PYTHONPATH=hack:tests $(BIN)/python -m chart.cases
	$(BIN)/python -m manifests
	$(BIN)/python -m observability
	$(BIN)/python -m recording

.PHONY: check-generated
check-generated: $(READY) ## Check that everything generated is up to date
	@$(BIN)/python -m jwks_operator crd | diff -u $(CRD) - || { echo "make: run make generate" >&2; exit 1; }
	@PYTHONPATH=tests $(BIN)/python -m clients.matrix | diff -u docs/algorithms.md - || \
	  { echo "make: run make generate" >&2; exit 1; }
	@$(BIN)/python -m pictures --check
	@$(BIN)/python -m manual --check
	@$(BIN)/python -m readers --check
	@$(BIN)/python -m waits --check
	@PYTHONPATH=hack:tests $(BIN)/python -m docs.promises --check
	@$(BIN)/python -m decisions --check
	@$(BIN)/python -m reference --check
	@$(BIN)/python -m helmchart --check
	@$(BIN)/python -m observability --check
	@$(BIN)/python -m recording --check

.PHONY: platforms
platforms: $(READY) ## Ask the package index whether the plugin installs from wheels on Linux, macOS and Windows
	@set -e; for platform in linux macos windows; do \
	  $(UV) pip compile pyproject.toml --extra plugin --only-binary :all: --python-version 3.11 --quiet \
	    --python-platform $$platform --output-file /dev/null; echo "$$platform: wheels only"; done

.PHONY: unit
unit: $(READY) ## Run the tests that need no control plane
	@$(BIN)/python -m gotools helm > /dev/null
	@$(BIN)/python -m gotools promtool > /dev/null
	$(BIN)/pytest -n $(JOBS) $(foreach each,cluster nightly e2e,--ignore=tests/$(each)) $(PYTEST_ARGS)

.PHONY: cluster
cluster: $(READY) ## Run the tests against a real API server
	@$(BIN)/python -m controlplane build
	@$(BIN)/python -m gotools helm > /dev/null
	$(BIN)/pytest -n $(CLUSTER_JOBS) --dist loadfile tests/cluster $(PYTEST_ARGS)

.PHONY: thorough
thorough: $(READY) ## Run tests/nightly without endurance: crash points, mutants, the library matrix, a release
	@$(BIN)/python -m controlplane build > /dev/null
	@$(BIN)/python -m gotools helm > /dev/null
	$(BIN)/pytest -n $(JOBS) --dist loadfile $(foreach each,soak upgrade verifiers simulation/test_wider_histories.py,--ignore=tests/nightly/$(each)) tests/nightly $(PYTEST_ARGS)

.PHONY: verifiers
verifiers: $(READY) ## Run tests/nightly/verifiers: Go and Java libraries and oauth2-proxy as real processes, a client at a real server
	@$(BIN)/python -m controlplane build > /dev/null
	$(BIN)/pytest -n 2 --dist loadfile tests/nightly/verifiers $(PYTEST_ARGS)

.PHONY: histories
histories: $(READY) ## Play SIMULATION_EXAMPLES=1000 random histories of signers, caches and verifiers
	SIMULATION_EXAMPLES=$(SIMULATION_EXAMPLES) $(BIN)/pytest -n 0 --timeout=7200 tests/simulation/test_no_validation_gap.py $(PYTEST_ARGS)
	$(BIN)/pytest -n 0 --timeout=7200 tests/nightly/simulation/test_wider_histories.py $(PYTEST_ARGS)

.PHONY: endurance
endurance: $(READY) ## Run tests/nightly/soak: a few rotations, faults on the way to the API server, a stopped leader
	@$(BIN)/python -m controlplane build > /dev/null
	$(BIN)/pytest -n 2 --dist loadfile tests/nightly/soak $(PYTEST_ARGS)

.PHONY: e2e
e2e: $(READY) ## Follow docs/operations.md on a real node, as root (E2E_SYNC=5s for a quick one)
	@$(if $(E2E_KUBECONFIG),,$(BIN)/python -m node build)
	$(BIN)/pytest -n 0 -x tests/e2e $(PYTEST_ARGS)

.PHONY: matrix
matrix: $(READY) ## Build the Kubernetes versions K8S=1.30.14,… and run the tests on each (MATRIX_ARGS=--write docs/kubernetes-versions)
	@test -n "$(K8S)" || { echo "make: say which: make matrix K8S=1.30.14,1.37.2" >&2; exit 1; }
	$(BIN)/python -m matrix run '$(K8S)' --jobs $(CLUSTER_JOBS) $(MATRIX_ARGS)

.PHONY: upgrade
upgrade: $(READY) ## Let other releases take over in the middle of every step, and go the road to v1 (some minutes)
	@$(BIN)/python -m controlplane build > /dev/null
	$(BIN)/pytest -n 2 --dist loadfile tests/nightly/upgrade $(PYTEST_ARGS)

.PHONY: clients
clients: $(READY) ## Rotate a client's key three times at a real authorization server (four minutes)
	@$(BIN)/python -m controlplane build > /dev/null
	$(BIN)/pytest -n 2 tests/nightly/verifiers/test_rotating_client.py $(PYTEST_ARGS)

.PHONY: canary
canary: $(READY) ## Run the tests of the kopf adapter with the newest kopf, in an environment of their own
	UV_PROJECT_ENVIRONMENT='$(CACHE)/canary' $(UV) sync --locked --quiet --python $(PYTHON)
	$(UV) pip install --quiet --python '$(CACHE)/canary' --no-deps --upgrade kopf
	'$(CACHE)/canary/bin/python' -c 'import importlib.metadata as found; print("kopf", found.version("kopf"))'
	'$(CACHE)/canary/bin/python' -m pytest -n $(JOBS) tests/watch tests/process tests/kube $(PYTEST_ARGS)

.PHONY: coverage
coverage: $(READY) ## Run all tests and report what they cover
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --ignore=tests/e2e $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

.PHONY: fuzz
fuzz: $(READY) ## Search for input that breaks the readers of keys (FUZZ_SECONDS=60)
	$(UV) run --no-sync --with atheris==3.0.0 python fuzz/parsers.py -max_total_time=$(FUZZ_SECONDS) -max_len=8192 -artifact_prefix=$(CACHE)/fuzz-

.PHONY: soak
soak: $(READY) ## Live thousands of random histories, then a year of weekly rotations on a real API server
	$(MAKE) --no-print-directory histories SIMULATION_EXAMPLES=3000
	SOAK_ROTATIONS=$(SOAK_ROTATIONS) $(BIN)/pytest -n 0 --log-cli-level=info tests/nightly/soak $(PYTEST_ARGS)

.PHONY: churn
churn: $(READY) ## Run CHURN_MINUTES=20 of churn through a fault-injecting proxy; check memory, tasks, connections (CHURN_ARGS="--write docs")
	@$(BIN)/python -m controlplane build > /dev/null
	PYTHONPATH=hack:tests $(BIN)/python bench/churn.py --minutes $(CHURN_MINUTES) $(CHURN_ARGS)

.PHONY: attack
attack: $(READY) ## Try what docs/security.md says nobody can, on a real API server (ATTACK_KUBECONFIG=… on a cluster of yours)
	@$(if $(ATTACK_KUBECONFIG),,$(BIN)/python -m controlplane build > /dev/null)
	@$(BIN)/python -m gotools helm > /dev/null
	@$(BIN)/python -m attack $(if $(ATTACK_KUBECONFIG),--kubeconfig '$(ATTACK_KUBECONFIG)')

.PHONY: bench-keys
bench-keys: $(READY) ## Compare making RSA keys with bare generation (BENCH_ARGS="--write docs")
	$(BIN)/python bench/keys.py $(BENCH_ARGS)

.PHONY: bench-fairness
bench-fairness: $(READY) ## Measure what one tenant waits while another one has 240 RSA-4096 keys made (BENCH_ARGS="--write docs")
	@$(BIN)/python -m controlplane build > /dev/null
	PYTHONPATH=hack:bench $(BIN)/python bench/fairness.py $(BENCH_ARGS)

.PHONY: bench-sign
bench-sign: $(READY) ## Measure what a token costs through the signer, beside signing in the same process
	PYTHONPATH=hack:bench $(BIN)/python bench/sign.py $(BENCH_ARGS)

.PHONY: bench
bench: $(READY) ## Measure thousands of sets beside bare API writes (BENCH_ARGS=--quick; "--write docs" in half an hour)
	@$(BIN)/python -m controlplane build > /dev/null
	PYTHONPATH=hack:bench $(BIN)/python -m scale $(BENCH_ARGS)

# --- Release -----------------------------------------------------------------------------------------------

.PHONY: release
release: $(READY) ## Make everything that users install, into dist (RELEASE_ARGS="--image REPOSITORY --source URL --without image")
	@UV='$(UV)' $(BIN)/python -m release dist $(RELEASE_ARGS)

.PHONY: site
site: $(READY) ## Build the site of the pages into dist/site, with search and versions, and follow its links
	@UV='$(UV)' $(BIN)/python -m website dist/site $(SITE_ARGS)

# --- Try it ------------------------------------------------------------------------------------------------

.PHONY: demo
demo: $(READY) ## Watch keys rotate on a real control plane (DEMO_ARGS=--once ends; DEMO_KUBECONFIG=… on a cluster of yours)
	@$(if $(DEMO_KUBECONFIG),DEMO_KUBECONFIG='$(DEMO_KUBECONFIG)' )$(BIN)/python -m demo $(DEMO_ARGS)

.PHONY: control-plane
control-plane: $(READY) ## Run a control plane in the foreground and print its kubeconfig
	@$(BIN)/python -m controlplane up

.PHONY: recording
recording: $(READY) ## Record kubectl jwks status through a rotation, for the README
	$(BIN)/python -m recording.take
	$(BIN)/python -m recording

.PHONY: bench-serve
bench-serve: $(READY) ## Measure the server beside nginx (BENCH_ARGS=--quick; needs nginx and wrk)
	$(BIN)/python bench/serve.py $(BENCH_ARGS)

.PHONY: browser
browser: $(READY) ## Look at the served set and the status page with headless Chromium (needs chromium)
	$(BIN)/pytest -n 0 tests/serve/browser.py tests/statuspage/browser.py $(PYTEST_ARGS)

.PHONY: clean
clean: ## Remove what was made in this tree (the cache in $(CACHE) stays)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* dist
