# Callwright's everyday commands. `make help` lists them.

PROFILE ?= dev
CARGO_PROFILE = --profile $(PROFILE)
TARGET = target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))
CALLWRIGHT = $(TARGET)/callwright

# What robots listen and speak with, where it is installed.
export CALLWRIGHT_MODELS ?= $(CURDIR)/target/tools/models
export CALLWRIGHT_PIPER ?= $(CURDIR)/target/tools/piper/bin/python
export CALLWRIGHT_PIPER_VOICES ?= $(CURDIR)/target/tools/piper/voices

.PHONY: help setup build up demo test check mutants fuzz bench chaos sip-demo sip-phones voice-demo openapi limits fmt

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: ## Install what is missing: PostgreSQL, Redis, a C linker
	@scripts/setup

build: setup ## Build the binary
	@cargo build $(CARGO_PROFILE) --locked -p callwright

up: build ## Run everything on this machine, with a demo campaign the first time
	@$(CALLWRIGHT) up

demo: build ## The same, ending by itself when the campaign has ended well
	@$(CALLWRIGHT) up --until-done

sip-demo: ## A campaign over SIP to phones that sipp plays, checked against its log: NUMBERS=200
	@scripts/setup tests
	@cargo build $(CARGO_PROFILE) --locked -p callwright
	@CALLWRIGHT_BIN=$(CURDIR)/$(CALLWRIGHT) $(CALLWRIGHT) services -- python3 tests/sip/demo.py

sip-phones: ## Calls to real phones (pjsua2) that speak and record, by RTP and by SRTP over TLS
	@scripts/setup tests
	@cargo build $(CARGO_PROFILE) --locked -p callwright
	@CALLWRIGHT_BIN=$(CURDIR)/$(CALLWRIGHT) $(CALLWRIGHT) services -- scripts/test-phones phones

voice-demo: ## A robot that listens calls a real phone that says recorded sentences: the transcript, each step, the recording
	@scripts/setup tests
	@cargo build $(CARGO_PROFILE) --locked -p callwright
	@CALLWRIGHT_BIN=$(CURDIR)/$(CALLWRIGHT) $(CALLWRIGHT) services -- scripts/test-phones voice

test: ## Set up, then every check: format, lints, licences, units, stories, contracts
	@scripts/test

check: build ## One crate's format, lints and tests, on servers of its own: make check CRATE=storage
	@scripts/check $(CRATE)

mutants: setup ## Break outbound/ and dialog/ bit by bit, to see a test catch each; an hour and more. ONLY=redial.rs
	@[ -x target/tools/bin/cargo-mutants ] || \
		cargo install --quiet --locked --debug --root target/tools cargo-mutants@27.1.0
	@ulimit -v 8000000 && nice -n 19 target/tools/bin/cargo-mutants mutants --no-shuffle \
		-p outbound -p dialog $(if $(ONLY),-f '**/$(ONLY)')

chaos: ## A campaign through faults, then its journal checked: SEED=n NUMBERS=20000 MINUTES=20 ONLY="kill_dialer pause"
	@scripts/setup tests
	@cargo build $(CARGO_PROFILE) --locked -p callwright -p tests --bin callwright --bin chaos
	@$(TARGET)/chaos

fuzz: ## Input that a fuzzer makes up, for the readers of imports and what else reads texts: SECONDS=60 in all, ONLY=sheet
	@ONLY=$(ONLY) FUZZ_SECONDS=$(SECONDS) scripts/fuzz

bench: ## Measured speed, each figure a line `name value unit`; one of them: make bench ONLY=dial
	@ONLY=$(ONLY) scripts/bench

openapi: build ## Write api/openapi.json from the code
	@$(CALLWRIGHT) openapi > api/openapi.json

limits: build ## Write docs/limits.md from the code
	@$(CALLWRIGHT) limits > docs/limits.md

fmt: ## Format the code
	@cargo fmt --all
