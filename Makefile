# The short commands; `make` alone lists them. Everything is built once, in the release profile.
.DEFAULT_GOAL := help
.PHONY: help build run test endurance bench lint fuzz plugin deploy-plugin dev-cluster demo-opensearch clean
SHELL := bash

BINARY  := target/release/threatsieve
PYTHON  := .venv/bin/python
EXAMPLE := tests/example
ENGINES ?= 3.8.0 2.19.4

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

build: ## build target/release/threatsieve
	@tests/prepare toolchain
	cargo build --release

run: build ## the example: match a log once, then two rounds of the controller with an alert each
	$(BINARY) scan --feed $(EXAMPLE)/bundle.json --list $(EXAMPLE)/domains.txt --list $(EXAMPLE)/networks.txt \
	  --list $(EXAMPLE)/urls.csv --allow $(EXAMPLE)/allow.txt $(EXAMPLE)/squid.log
	$(EXAMPLE)/rounds $(BINARY) target/example

plugin: build ## build the OpenSearch plugin's zips, target/plugins/threatsieve-opensearch-*.zip
	plugin-descriptors/opensearch/build $(ENGINES)

test: ## build, run all tests, and say where the time went; THREATSIEVE_SEED=N repeats a run's random choices
	@tests/all $(ENGINES)

endurance: plugin ## the full counts: 1,000 pushes into a node under traffic, 20 large ones, 500 kills, 2,000 rounds against a model; an hour
	@tests/prepare venv engines
	THREATSIEVE_ENDURANCE=full $(PYTHON) -m pytest tests/test_soak.py tests/test_rounds.py tests/test_rules.py -q

bench: plugin ## measure against grep, ripgrep, grepcidr, wc, taxii2-client and other ingest processors; rewrites docs/performance.md
	@tests/prepare venv bench engines
	$(PYTHON) -m tests.bench

lint: ## plain English, formatting, clippy with warnings denied, dependencies (licences, bans, sources, advisories)
	@tests/prepare toolchain deny
	@python3 -m tests.english
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings
	@tests/prepare check-dependencies

dev-cluster: ## a three-node OpenSearch 3.8 with the plugin if it is built; ENGINE=2.19.4 and NODES=1 for another
	@tests/prepare engines
	@python3 -m tests.engines dev-cluster --engine $${ENGINE:-3.8.0} --nodes $${NODES:-3}

demo-opensearch: build plugin ## a node, the plugin, a pushed blacklist, and a Squid log whose flagged documents are printed
	@tests/prepare engines
	@python3 -m tests.engines demo

fuzz: ## fuzz every target for SECONDS_EACH seconds (60 unless set)
	@tests/prepare fuzz $${SECONDS_EACH:-60}

deploy-plugin: plugin ## build the plugin and install it into a server: HOST=[USER@]HOST[:HOME], or HOST=/path/to/a/home
	@plugin-descriptors/deploy "$(HOST)"

clean: ## remove what was built or downloaded
	rm -rf target .venv .cache tests/fuzz/target
