# The short commands; `make` alone lists them. Everything is built once, in the release profile.
.DEFAULT_GOAL := help
.PHONY: help build run test endurance bench lint fuzz plugin deploy-plugin dev-cluster demo-opensearch dist container clean
SHELL := bash

BINARY  := target/release/threatsieve
PYTHON  := .venv/bin/python
EXAMPLE := tests/example
ENGINES ?= 3.8.0 2.19.4

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

build: ## build target/release/threatsieve
	@tests/prepare toolchain
	cargo build --release

run: build ## run the example: a scan, then two rounds of the controller, each with an alert
	$(BINARY) scan --feed $(EXAMPLE)/bundle.json \
	  --list $(EXAMPLE)/domains.txt --list $(EXAMPLE)/networks.txt --list $(EXAMPLE)/urls.csv \
	  --allow $(EXAMPLE)/allow.txt $(EXAMPLE)/squid.log
	$(EXAMPLE)/rounds $(BINARY) target/example

plugin: build ## build the OpenSearch plugin's zips, target/plugins/threatsieve-opensearch-*.zip
	plugin-descriptors/opensearch/build $(ENGINES)

test: ## build and run all tests; THREATSIEVE_SEED=N repeats the random choices of a run
	@tests/all $(ENGINES)

endurance: plugin ## run the long tests in full (1 h): 1,020 pushes, 1,100 kills, 2,000 rounds
	@tests/prepare venv engines
	THREATSIEVE_ENDURANCE=full $(PYTHON) -m pytest -q \
	  tests/test_soak.py tests/test_rounds.py tests/test_rules.py tests/test_package_files.py \
  tests/test_misp_kill.py tests/test_misp_forwarding.py tests/test_runbook.py \
  tests/test_backfill_kill.py

bench: plugin ## compare the speed with other tools, and rewrite docs/performance.md
	@tests/prepare venv bench engines
	$(PYTHON) -m tests.bench

lint: ## check the English, the formatting, clippy's warnings, and the dependencies
	@tests/prepare toolchain deny
	@python3 -m tests.english
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings
	@tests/prepare check-dependencies

dev-cluster: ## start OpenSearch nodes, with the plugin if built; ENGINE=3.8.0 NODES=3 by default
	@tests/prepare engines
	@python3 -m tests.engines dev-cluster --engine $${ENGINE:-3.8.0} --nodes $${NODES:-3}

demo-opensearch: build plugin ## show the plugin at work: a node that flags a Squid log's documents
	@tests/prepare engines
	@python3 -m tests.engines demo

fuzz: ## fuzz every target for SECONDS_EACH seconds (default 60)
	@tests/prepare fuzz $${SECONDS_EACH:-60}

deploy-plugin: plugin ## install the plugin into HOST=[USER@]HOST[:HOME] or HOST=/path/to/a/home
	@plugin-descriptors/deploy "$(HOST)"

dist: build plugin ## make a release in target/dist: tarball, Debian package, plugins, SBOM, checksums
	@tests/prepare dist
	host/controller/packaging/build

container: build ## build a container image from scratch, with buildah if it is installed
	host/controller/packaging/container

clean: ## remove what was built or downloaded
	rm -rf target .venv .cache tests/fuzz/target
