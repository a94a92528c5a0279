# make demo     shows Convoke with a simulated telephone network
# make test     everything that must hold (up to 25 minutes on two cores)
# make screens  pictures of every page of the window in every state, light and dark, narrow and wide
# See README.md for the others.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build
.PHONY: setup build demo test test-long bench status lint doc-ladder window screens

export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/sbin:/sbin
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)

# Says what is missing, then installs what the tests need.
setup:
	@tools/setup test

build: window
	cargo build --release -p convoke

# Builds the window into web/dist, from where the binary takes it.
window:
	@tools/window

demo:
	@tools/setup demo
	@tools/window
	@cargo build --release -p convoke
	@$(TARGET)/release/convoke demo

lint:
	@tools/step "window lints" npm --prefix web run check
	@tools/step "format" cargo fmt --all --check
	@tools/step "lints" cargo clippy --workspace --all-targets --locked -- -D warnings

test:
	@tools/step "setup" tools/setup test
	@$(MAKE) --no-print-directory lint
	@tools/step "the window" tools/window
	@tools/step "the binary" cargo build --locked -p convoke
	@tools/step "tools" tools/record --fresh --as tools -- python3 tools/test_status.py -v
	@tools/step "window tests" tools/record --as window -- npm --prefix web test
	@tools/step "window screens" tools/record --as window -- npm --prefix web run test:screens
	@CONVOKE_BIN=$(TARGET)/debug/convoke tools/step "window end to end" \
		tools/record --as window -- npm --prefix web run test:e2e
	@CONVOKE_BIN=$(TARGET)/debug/convoke tools/step "tests" \
		tools/record -- cargo test --workspace --locked --no-fail-fast
	@tools/step "requirements" tools/status --unrun

# Into target/screens, or the folder that SCREENS names; with axe and measures, as the tests have them.
screens:
	@tools/window setup
	@WHOLE=1 SCREENS=$(or $(SCREENS),$(CURDIR)/target/screens) npm --prefix web run test:screens -- screens.test

test-long:
	@tools/setup test
	@tools/long

bench:
	@tools/setup bench
	@npm --prefix web run --silent build -w packages/client
	@tools/window
	@cargo build --release -p convoke
	@tools/bench $(ID)

# Runs nothing: what the last `make test` showed. JSON=1 for programs.
status:
	@tools/status $(if $(JSON),--json,--table)

# Writes docs/ladder.md from the messages of one real conference.
doc-ladder:
	@cargo build --release -p convoke
	@CONVOKE_BIN=$(TARGET)/release/convoke CONVOKE_WRITE_DOCS=1 cargo test -p convoke-tests --test it -- ladder --nocapture
