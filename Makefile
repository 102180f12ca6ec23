# The commands of this project. `make help` explains them; each sets up what it needs, and nothing twice.
.DEFAULT_GOAL := help
.PHONY: help setup install install-all demo examples test test-long test-gpu bench lint docs site clean
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory --silent

# The project's own environment comes first, whatever is active.
export VIRTUAL_ENV := $(CURDIR)/.venv
export PATH := $(VIRTUAL_ENV)/bin:$(PATH)
python := $(VIRTUAL_ENV)/bin/python

# Fortran compiler of demo, and the first one of test; make's own default for FC is no use here.
ifneq ($(filter default undefined,$(origin FC)),)
FC := gfortran
endif
export FC

# The rest of the cores is needed by others, if only to read mail.
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(JOBS)
TESTS ?=
EXAMPLES ?=

# The second compiler of the tests: the newest flang-NN, or what is called just flang.
FLANG ?= $(or $(notdir $(lastword $(sort $(wildcard $(addsuffix /flang-[0-9][0-9],$(subst :, ,$(PATH))))))),flang)

# The MPIs of the tests, by the suffixes that Debian gives to their commands; test-long has MPICH too.
MPIS ?= openmpi

# What the wheel is made of.
PRODUCT := CMakeLists.txt pyproject.toml README.md LICENSE $(shell find cmake src python -type f ! -path '*/__pycache__/*')

help:
	echo "make demo       train a network on sea surface temperatures, run it in a Fortran program, draw and check the forecast"
	echo "make examples   train, build and run all examples: one table of their checks, one page of their figures     (EXAMPLES='04 06' runs some, LONG=1 the full experiments)"
	echo "make test       build everything, run all tests with gfortran and flang      (TESTS='tests/python -k export' runs some)"
	echo "make test-long  the same, and the tests that take long: sanitizers, endurance, misuse for hours, a browser"
	echo "make test-gpu   what a GPU has to show: checks, times and a report     (without one it says what it would do, and exits with 3)"
	echo "make bench      what a call costs, compared with plain C++, eager Python and hand-written Fortran    (LONG=1: all cases)"
	echo "make setup      only install what demo and test need: .venv, and system packages by apt if allowed"
	echo "make install    setup, and install this package into .venv"
	echo "make lint       all linters and type checkers"
	echo "make docs       reference of all procedures, as HTML in build/docs"
	echo "make site       these, all guides, the examples with their figures and a search box, as a folder of pages in build/site/html"
	echo "make clean      remove what was built (not .venv)"
	echo
	echo "TORCH_SPEC='torch==...' chooses another PyTorch, FC another Fortran compiler, PYTHON another Python for .venv."

setup:
	scripts/setup test

# What set-up makes is seen only by a make that starts after it.
install:
	scripts/setup install
	$(MAKE) .venv/.installed

# Built again when another PyTorch comes.
.venv/.installed: $(PRODUCT) $(wildcard .venv/lib/python3*/site-packages/torch/version.py)
	echo "[install] Building and installing the libraries and the Python packages (about two minutes the first time)"
	$(python) -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps .
	touch $@

.venv/.installed-$(FLANG): .venv/.installed
	mkdir -p build
	echo "[install] Compiling the Fortran interface with $(FLANG) too"
	$(python) -m ftorch --add-compiler $(FLANG) > build/add-compiler.log 2>&1 \
	  || { cat build/add-compiler.log; exit 1; }
	touch $@

demo: install
	scripts/setup demo
	mkdir -p build
	cmake -S examples/02_sst_emulator -B build/demo -DFTorch_DIR="$$($(python) -m ftorch --cmake-dir)" > build/demo.log 2>&1 \
	  || { cat build/demo.log; exit 1; }
	cmake --build build/demo --target demo

examples: install
	scripts/setup demo
	$(python) examples/run.py --cmake=-DCMAKE_Fortran_COMPILER=$(firstword $(FC)) \
	  --cmake='-DCMAKE_Fortran_FLAGS=$(wordlist 2,99,$(FC))' $(if $(LONG),--long) $(EXAMPLES)

# ftorch_mpi for the MPI of a stem such as openmpi, with both compilers.
.venv/.installed-mpi-%: .venv/.installed .venv/.installed-$(FLANG)
	mkdir -p build
	for fc in '$(FC)' $(FLANG); do \
	  echo "[install] Compiling ftorch_mpi for $* with $$fc"; \
	  $(python) -m ftorch --add-mpi mpifort.$* --compiler "$$fc" > build/add-mpi.log 2>&1 || { cat build/add-mpi.log; exit 1; }; \
	done
	touch $@

install-all: install
	$(MAKE) .venv/.installed-$(FLANG)
	$(MAKE) $(addprefix .venv/.installed-mpi-,$(MPIS))

test: setup
	$(MAKE) install-all
	$(python) -m pytest -n 2 --dist loadfile -m "not long" $(TESTS)

test-long:
	scripts/setup long
	$(MAKE) install-all MPIS='$(MPIS) mpich'
	$(python) -m pytest -n 2 --dist loadfile $(TESTS)

# A missed bar does not keep the others from being measured.
bench: setup
	$(MAKE) install-all
	failed=0; \
	$(python) benchmarks/call/run.py $(if $(LONG),--long) || failed=$$?; \
	for part in operators training compiled compiled_training host ranks; do $(python) benchmarks/$$part/run.py || failed=$$?; done; \
	exit $$failed

# For a machine with a GPU, which may have no network: PyTorch for it and a Fortran compiler are there. Exits with 3 where there is
# no device.
test-gpu: install
	$(python) tests/gpu/run.py --compiler '$(FC)'

lint:
	scripts/setup dev
	scripts/lint

docs:
	scripts/setup dev
	ford docs/ford.md
	echo "[docs] Reference written to build/docs/index.html"

site:
	scripts/setup dev
	$(python) scripts/build_site.py

clean:
	rm -rf build
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
