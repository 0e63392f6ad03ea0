# Needs python3.11, a C compiler's runtime and the network; everything else is installed into .venv.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
MUTANTS := .venv-mutants
STAMP := $(VENV)/.installed
PROFILE ?= quick
WORKERS ?= auto
RUNS ?= 3
LOAD ?= 0
BENCHMARKS := constants soundness samplers coupling_example power fuzz_onnx onnx_campaign exported_files runtime_kernels circuit_formats extreme_scales

.DEFAULT_GOAL := check
# Tests start hundreds of interpreters: without bytecode each would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: docs latex formal proofs check setup test repeat lint quickstart bench mutants lock clean

check: setup  ## the main job: every theorem on the embedded generators
	$(BIN)/certify check

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q -j 0 certify theorems benchmarks
	touch $@

test: setup  ## all tests; PROFILE=ci or PROFILE=long draws more cases
	$(BIN)/python -m pytest --quiet --hypothesis-profile=$(PROFILE) \
	    --numprocesses=$(WORKERS) --maxprocesses=4 --dist=worksteal --durations=20

repeat:  ## all tests in RUNS fresh clones with cold caches, LOAD busy loops beside them
	tests/repeat.sh $(RUNS) $(LOAD)

lint: setup  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

quickstart: setup  ## runs the commands of the quickstart and of the README
	$(BIN)/python tests/quickstart.py docs/quickstart.md docs/tutorial.md docs/inverse_problems.md docs/proving.md README.md

latex: setup  ## compiles every table of every theorem's own examples with LaTeX, in one column and in two
	mkdir -p build
	$(BIN)/certify check --quiet --json build/check.json
	$(BIN)/python -m tests.latex build/check.json

docs: setup  ## the site in build/site: warnings are errors, every link is checked
	$(BIN)/python -m website.build build/site

proofs: setup  ## proves the algebra of every theorem anew and writes theorems/proofs.json and docs/ledger.md
	$(BIN)/python -m benchmarks.proof_ledger

formal: setup  ## writes the algebra of every theorem as Coq files into build/coq and lets coqc check them
	$(BIN)/certify formalize --out build/coq --verify || test $$? -eq 3

bench: setup  ## every benchmark, one after the other
	set -e; for benchmark in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$benchmark; done

mutants: $(MUTANTS)/.installed  ## small wrong changes that no test notices: half an hour, not part of the tests
	nice $(MUTANTS)/bin/python -m benchmarks.mutants

$(MUTANTS)/.installed: requirements.lock
	test -x $(MUTANTS)/bin/python || $(PYTHON) -m venv $(MUTANTS)
	$(MUTANTS)/bin/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(MUTANTS)/bin/python -m pip install --quiet mutmut==3.8.1
	touch $@

lock: setup  ## writes requirements.lock anew from pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --no-config --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" --no-annotate \
	    --extra test --extra dev --extra docs --extra plots --extra sat --extra prove --upgrade --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) $(MUTANTS) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
	find certify theorems tests -name __pycache__ -type d -prune -exec rm -rf {} +
