# The commands of this project. `make help` explains them; each sets up what it needs, and nothing twice.
.DEFAULT_GOAL := help
.PHONY: help setup install install-all demo test test-long bench lint docs clean
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# The project's own environment comes first, whatever is active.
export VIRTUAL_ENV := $(CURDIR)/.venv
export PATH := $(VIRTUAL_ENV)/bin:$(PATH)
PYTHON := $(VIRTUAL_ENV)/bin/python

# Fortran compiler of demo, and the first one of test; make's own default for FC is no use here.
ifneq ($(filter default undefined,$(origin FC)),)
FC := gfortran
endif
export FC

# The rest of the cores is needed by others, if only to read mail.
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(JOBS)
TESTS ?=

# The second compiler of the tests: the newest flang.
FLANG ?= $(notdir $(lastword $(sort $(wildcard $(addsuffix /flang-[0-9][0-9],$(subst :, ,$(PATH)))))))

# What the wheel is made of.
PRODUCT := CMakeLists.txt pyproject.toml README.md LICENSE $(shell find cmake src python -type f ! -path '*/__pycache__/*')

help:
	@echo "make demo       train a network on sea surface temperatures, run it in a Fortran program, draw and check the forecast"
	@echo "make test       build everything, run all tests with gfortran and flang      (TESTS='tests/python -k export' runs some)"
	@echo "make test-long  the same, and the tests that take long: sanitizers, endurance, misuse for hours"
	@echo "make bench      what a call costs, compared with plain C++, eager Python and hand-written Fortran"
	@echo "make setup      only install what demo and test need: .venv, and system packages by apt if allowed"
	@echo "make install    setup, and install this package into .venv"
	@echo "make lint       all linters and type checkers"
	@echo "make docs       reference of all procedures, as HTML in build/docs"
	@echo "make clean      remove what was built (not .venv)"
	@echo
	@echo "TORCH_SPEC='torch==...' chooses another PyTorch, FC another Fortran compiler, PYTHON another Python for .venv."

setup:
	@scripts/setup test

install: | build/setup-demo
	@$(MAKE) build/installed

build/setup-demo: FORCE
	@scripts/setup demo

build/installed: $(PRODUCT) .venv/.setup-demo
	@echo "[install] Building and installing the libraries and the Python packages (about two minutes the first time)"
	@mkdir -p build
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps .
	@touch $@

build/installed-$(FLANG): build/installed
	@echo "[install] Compiling the Fortran interface with $(FLANG) too"
	@$(PYTHON) -m ftorch --add-compiler $(FLANG) > build/add-compiler.log 2>&1 || { cat build/add-compiler.log; exit 1; }
	@touch $@

demo: install
	@cmake -S examples/02_sst_emulator -B build/demo -DFTorch_DIR="$$($(PYTHON) -m ftorch --cmake-dir)" > build/demo.log 2>&1 \
	  || { cat build/demo.log; exit 1; }
	@cmake --build build/demo --target demo

# In a make of its own, because set-up may have installed compilers that this one did not see when it started.
install-all: install
	@$(MAKE) build/installed-$(FLANG)

test: setup
	@$(MAKE) install-all
	@$(PYTHON) -m pytest -n 2 -m "not long" $(TESTS)

test-long: setup
	@$(MAKE) install-all
	@$(PYTHON) -m pytest -n 2 --timeout=14400 $(TESTS)

bench: install
	@$(PYTHON) benchmarks/bench.py

lint:
	@scripts/setup dev
	@scripts/lint

docs:
	@scripts/setup dev
	@ford docs/ford.md

clean:
	@rm -rf build
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

FORCE:
