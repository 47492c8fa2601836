# Each target does its own set-up: git, make and python3 (>= 3.11, with venv) are enough.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
BUILD  ?= build

# A path of an unpacked Linux 6.1 source tree; empty: fetch Debian's linux-source-6.1.
KERNEL_6_1  ?=
KERNEL_6_12 ?=

.PHONY: help setup demo test test-kernel bench ci clean

help:
	@echo "make demo         review the seed's re-enactment on the built-in tree"
	@echo "make test         every test that needs no large download"
	@echo "make test-kernel  tests on a real kernel tree (KERNEL_6_1=DIR, or Debian's package)"
	@echo "make bench        the benchmarks, as ratios against peers"
	@echo "make ci           what CI runs"

setup: $(VENV)/.done

# without bytecode from elsewhere: the virtual environment is made anew when pyproject changes
$(VENV)/.done: pyproject.toml .ci/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c .ci/constraints.txt -e '.[dev]'
	@touch $@

demo: setup
	@mkdir -p $(BUILD)
	@$(BIN)/python -m reviewer demo --output $(BUILD)/demo

test: setup
	$(BIN)/python -m pytest -q -n 2 -m "not kernel and not peer and not bench"

test-kernel: setup
	KERNEL_6_1="$(KERNEL_6_1)" KERNEL_6_12="$(KERNEL_6_12)" .ci/kernel-trees $(BUILD)/kernels
	. $(BUILD)/kernels/env && $(BIN)/python -m pytest -q -m "kernel or peer"

bench: setup
	$(BIN)/python -m pytest -q -m bench tests/benchmarks

ci:
	bash .ci/run

clean:
	rm -rf $(BUILD) $(VENV) dist
