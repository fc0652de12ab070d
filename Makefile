# `make` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install run build test tools lint fmt clients schemathesis hostile fuzz fuzz-videos test-faults test-upgrade test-compose soak-uploads \
	soak-videos video-table races flood \
	advisories sbom bench bench-uploads pipeline times walkthrough clean

CARGO_TARGET_DIR ?= target
TOOLS := $(CARGO_TARGET_DIR)/tools
TYPOS := $(TOOLS)/python/bin/typos
TYPOS_VERSION := 1.52.0
DENY := $(TOOLS)/bin/cargo-deny
DENY_VERSION := 0.20.2
CYCLONEDX := $(TOOLS)/bin/cargo-cyclonedx
CYCLONEDX_VERSION := 0.5.9
SCHEMATHESIS := $(TOOLS)/schemathesis/bin/schemathesis
SCHEMATHESIS_VERSION := 4.32.5
VETTED := $(CARGO_TARGET_DIR)/debug/vetted
INTEROP := $(TOOLS)/interop
CLIENTS := $(TOOLS)/clients
OPENAPI := $(TOOLS)/openapi
UPLOADS := $(TOOLS)/uploads

# Installs the packages that a folder locks into another: $(call node_packages,FROM,TO).
define node_packages
mkdir -p $(2)
	cp $(1)/package.json $(1)/package-lock.json $(2)
	npm ci --prefix $(2) --silent --no-audit --no-fund --ignore-scripts
endef

# What scripts/install could not take from a package.
export PATH := $(CURDIR)/.data/tools/bin:$(PATH)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Install what is missing on this machine (Debian, Ubuntu)
	@scripts/install

run: install ## Build for use, and start everything at http://127.0.0.1:8000
	cargo build --locked --release
	exec $(CARGO_TARGET_DIR)/release/vetted

build: install ## Build for development
	cargo build --locked --workspace

test: lint tools $(CLIENTS)/generated $(SCHEMATHESIS) ## Run everything that CI runs
	cargo build --locked --workspace
	$(VETTED) services -- scripts/schemathesis/run $(SCHEMATHESIS) $(VETTED) \
		--phases fuzzing --examples 8 --least 300 --seed 1
	$(VETTED) services -- cargo test --locked --workspace

tools: $(INTEROP)/installed ## Install the clients that tests run: jose, jwcrypto, tus-js-client, tuspy

clients: build $(CLIENTS)/generated ## Generate clients by four generators, and run one product's life with two
	$(VETTED) services -- cargo test --locked --test vetted clients:: -- --nocapture

fuzz: build ## Feed parsers 10,000,000 bytes each of what nobody should send
	FUZZ_BYTES=$${FUZZ_BYTES:-10000000} cargo test --locked --workspace --lib mutated -- --nocapture

hostile: build ## Send 100,000 requests with values that nobody should send as each role
	HOSTILE_REQUESTS=$${HOSTILE_REQUESTS:-100000} $(VETTED) services -- \
		cargo test --locked --test vetted hostile -- --nocapture

fuzz-videos: build ## Have 10,000 changed videos end with a result or a reason
	FUZZ_VIDEOS=$${FUZZ_VIDEOS:-10000} cargo test --locked --workspace --test media \
		whatever_a_file_became -- --nocapture

video-table: build ## Finish every pair of accepted codecs in every container
	VIDEO_TABLE=all cargo test --locked --workspace --test media table -- --nocapture

flood: build ## Measure an honest client under 5,000 silent connections
	FLOOD=1 $(VETTED) services -- cargo test --locked --workspace --test vetted \
		bounds::flood -- --nocapture

test-faults: build ## Have parts fail in the order of a SEED for STEPS steps, or MINUTES, while clients work
	FAULT_SEED=$${SEED:-$$RANDOM} FAULT_STEPS=$${STEPS:-200} FAULT_MINUTES=$${MINUTES:-} $(VETTED) services -- \
		cargo test --locked --workspace --test vetted faults::seeded -- --nocapture

test-upgrade: build ## Run the binary of PREVIOUS, a commit, beside this one through the migrations
	previous=$$(scripts/previous $${PREVIOUS:-HEAD~1}) && PREVIOUS_BINARY=$$previous $(VETTED) services -- \
		cargo test --locked --workspace --test vetted migrating::upgrade -- --ignored --nocapture

test-compose: build ## Run compose.yaml and deploy/ in a Docker of its own, and kill their containers
	@scripts/install compose
	cargo test --locked --workspace --test vetted --no-run
	scripts/compose/with-docker $(CARGO_TARGET_DIR)/compose scripts/compose/run $(CARGO_TARGET_DIR)/compose $(ONLY)

soak-videos: build ## Finish 50 videos while workers are killed 50 times
	SOAK_VIDEOS=$${SOAK_VIDEOS:-50} SOAK_KILLS=$${SOAK_KILLS:-50} $(VETTED) services -- \
		cargo test --locked --workspace --test vetted videos_are_finished_once -- --nocapture

races: build ## Race each way to get tokens beside each way to end access, 200 times
	RACE_ROUNDS=$${RACE_ROUNDS:-200} $(VETTED) services -- \
		cargo test --locked --workspace --test vetted access::races -- --nocapture

lint: $(TYPOS) $(DENY) $(OPENAPI)/installed ## Run the checks that need no server, the quick ones first
	@scripts/install check
	cargo fmt --all --check
	$(TYPOS)
	$(DENY) --all-features check --hide-inclusion-graph bans licenses sources
	scripts/advisories check $(DENY)
	scripts/asvs
	scripts/openapi/lint $(OPENAPI)
	cargo clippy --locked --workspace --all-targets -- -D warnings

fmt: ## Format the code
	cargo fmt --all

schemathesis: install $(SCHEMATHESIS) ## Play 10,000 made-up requests and more as each role
	cargo build --locked --workspace
	$(VETTED) services -- scripts/schemathesis/run $(SCHEMATHESIS) $(VETTED) \
		--examples 300 --least 10000

advisories: $(DENY) ## Bring the copy of the advisory database up to date
	scripts/advisories fetch $(DENY)

sbom: $(CYCLONEDX) ## Write what the program is built of, as CycloneDX
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(CYCLONEDX) cyclonedx --quiet --format json \
		--spec-version 1.5 --target all --override-filename sbom.cdx
	sed 's#$(CURDIR)#/src#g' sbom.cdx.json >$(CARGO_TARGET_DIR)/sbom.cdx.json
	@rm -f sbom.cdx.json */sbom.cdx.json
	@echo $(CARGO_TARGET_DIR)/sbom.cdx.json

bench: ## Measure a release build beside pgbench
	@scripts/install bench
	cargo build --locked --release
	$(CARGO_TARGET_DIR)/release/vetted services -- \
		bench/run $(CARGO_TARGET_DIR)/release/vetted $(CARGO_TARGET_DIR)/bench/results.json

bench-uploads: install $(UPLOADS)/installed ## Upload 1 GiB beside a plain write and @tus/server
	cargo build --locked --release
	$(CARGO_TARGET_DIR)/release/vetted services -- \
		bench/uploads/run $(CARGO_TARGET_DIR)/release/vetted $(UPLOADS)

soak-uploads: build ## Upload 200 files by 8 clients over bad lines, and kill the API 10 times
	SOAK=1 $(VETTED) services -- cargo test --locked --workspace --test vetted \
		uploads::soak -- --nocapture

times: install ## Compare how long answers take for known and unknown addresses
	cargo build --locked --release
	$(CARGO_TARGET_DIR)/release/vetted services -- bench/times $(CARGO_TARGET_DIR)/release/vetted

pipeline: install ## Compare finishing a video with ffmpeg's commands alone
	cargo build --locked --release
	$(CARGO_TARGET_DIR)/release/vetted services -- bench/pipeline $(CARGO_TARGET_DIR)/release/vetted

walkthrough: build ## Run docs/walkthrough.md as it stands, and write the answers into it
	scripts/walkthrough $(VETTED)

clean: ## Remove what was built; data stays
	cargo clean

$(TYPOS): Makefile
	@scripts/install check
	python3 -m venv $(TOOLS)/python
	$(TOOLS)/python/bin/pip install -q --disable-pip-version-check typos==$(TYPOS_VERSION)
	@touch $@

$(SCHEMATHESIS): Makefile
	@scripts/install check
	python3 -m venv $(TOOLS)/schemathesis
	$(TOOLS)/schemathesis/bin/pip install -q --disable-pip-version-check \
		schemathesis==$(SCHEMATHESIS_VERSION)
	@touch $@

$(CYCLONEDX): Makefile
	@scripts/install
	CARGO_TARGET_DIR=$(TOOLS)/build cargo install --quiet --locked \
		--root $(TOOLS) --version $(CYCLONEDX_VERSION) cargo-cyclonedx
	@rm -rf $(TOOLS)/build
	@touch $@

$(INTEROP)/installed: tests/interop/package-lock.json tests/interop/requirements.txt
	@scripts/install check
	$(call node_packages,tests/interop,$(INTEROP))
	python3 -m venv $(INTEROP)/python
	$(INTEROP)/python/bin/pip install -q --disable-pip-version-check -r tests/interop/requirements.txt
	@touch $@

$(OPENAPI)/installed: scripts/openapi/package-lock.json
	@scripts/install check
	$(call node_packages,scripts/openapi,$(OPENAPI))
	@touch $@

$(CLIENTS)/installed: tests/clients/package-lock.json tests/clients/requirements.txt
	@scripts/install check
	$(call node_packages,tests/clients,$(CLIENTS))
	python3 -m venv $(CLIENTS)/python
	$(CLIENTS)/python/bin/pip install -q --disable-pip-version-check -r tests/clients/requirements.txt
	@touch $@

$(CLIENTS)/generated: $(CLIENTS)/installed docs/openapi.json $(wildcard tests/clients/*)
	tests/clients/generate $(CLIENTS)
	@touch $@

$(UPLOADS)/installed: $(wildcard bench/uploads/*)
	$(call node_packages,bench/uploads,$(UPLOADS))
	cp bench/uploads/*.mjs $(UPLOADS)
	@touch $@

$(DENY): Makefile
	@scripts/install
	CARGO_TARGET_DIR=$(TOOLS)/build cargo install --quiet --locked --no-default-features \
		--root $(TOOLS) --version $(DENY_VERSION) cargo-deny
	@rm -rf $(TOOLS)/build
	@touch $@
