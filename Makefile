# Each target does its own set-up: git, make and python3 (>= 3.11, with venv) are enough.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
BUILD  ?= build

# A path of an unpacked Linux 6.1 source tree; empty: fetch Debian's linux-source-6.1.
KERNEL_6_1  ?=
KERNEL_6_12 ?=


.PHONY: help setup demo test test-browser test-kernel bench ci clean

help:
	@echo "make demo         review the seed's re-enactment on the built-in tree"
	@echo "make test         every test that needs no large download"
	@echo "make test-kernel  tests on a real kernel tree (KERNEL_6_1=DIR, or Debian's package)"
	@echo "make test-browser the HTML report in headless Chromium (skipped without it)"
	@echo "make bench        the benchmarks, as ratios against peers"
	@echo "make ci           what CI runs"

setup: $(VENV)/.done

# without bytecode from elsewhere: the virtual environment is made anew when pyproject changes
$(VENV)/.done: pyproject.toml .ci/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c .ci/constraints.txt -e '.[dev,browser]'
	@touch $@

demo: setup
	@mkdir -p $(BUILD)
	@$(BIN)/python -m reviewer demo --output $(BUILD)/demo

test: setup
	$(BIN)/python -m pytest -q -n 2 -m "not kernel and not peer and not bench and not browser"

test-kernel: setup
	KERNEL_6_1="$(KERNEL_6_1)" KERNEL_6_12="$(KERNEL_6_12)" .ci/kernel-trees $(BUILD)/kernels
	$(BIN)/python tests/peers/fetch_peers.py $(BUILD)/peers
	. $(BUILD)/kernels/env && MM_REVIEWER_PEERS=$(abspath $(BUILD))/peers \
		MM_REVIEWER_TEST_CACHE=$(abspath $(BUILD))/cache \
		$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "kernel or peer"

test-browser: setup
	$(BIN)/python -m pytest -q -m browser

bench: setup
	$(BIN)/python -m pip install -q --disable-pip-version-check -c .ci/constraints.txt -e '.[bench]'
	KERNEL_6_1="$(KERNEL_6_1)" KERNEL_6_12="$(KERNEL_6_12)" .ci/kernel-trees $(BUILD)/kernels
	$(BIN)/python tests/peers/fetch_peers.py $(BUILD)/peers
	. $(BUILD)/kernels/env && MM_REVIEWER_PEERS=$(abspath $(BUILD))/peers $(BIN)/python -m pytest -q -s -m bench tests/benchmarks

ci:
	bash .ci/run

clean:
	rm -rf $(BUILD) $(VENV) dist
