# One vocabulary for people and CI. Every target makes the environment (.venv, from uv.lock) when it is missing.

PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
WORKSPACE ?= workspace

export BENTOML_DO_NOT_TRACK := True
export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true
export ITERATIVE_DO_NOT_TRACK := 1
export OMP_WAIT_POLICY := PASSIVE
export UV_PYTHON_DOWNLOADS := never

.PHONY: help setup demo test lint docs notebooks bench-features bench-explain bench-quality bench-oracle bench-train clean

help: ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## create the environment from uv.lock

# uv is brought by pip into a small environment of its own, so that a machine needs only Python and make.
$(STAMP): pyproject.toml uv.lock
	@command -v uv >/dev/null 2>&1 || test -x $(VENV)-uv/bin/uv || \
		{ echo "fetching uv"; $(PYTHON) -m venv $(VENV)-uv && $(VENV)-uv/bin/pip install --quiet uv==$(UV_VERSION); }
	PATH="$(CURDIR)/$(VENV)-uv/bin:$$PATH" uv sync --frozen --compile-bytecode --python $(PYTHON)
	@touch $@

demo: $(STAMP) ## the whole job on a simulated firm, in under three minutes
	@$(BIN)/veraison demo --workspace $(WORKSPACE)

test: $(STAMP) ## all tests
	$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

lint: $(STAMP) ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

notebooks: $(STAMP) ## run the notebooks from beginning to end
	$(BIN)/pytest --nbmake --nbmake-timeout 300 --nbmake-kernel python3 -o addopts= -p no:xdist notebooks

bench-features: $(STAMP) ## features against Polars, DuckDB and pandas, one table; ARGS="--sizes 1e6" for less
	@$(BIN)/python -m benchmarks.features $(ARGS)

bench-explain: $(STAMP) ## reasons, curves and explained scores against LightGBM's own, one thread; ARGS="--rows 20000" for less
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.explain $(ARGS)

bench-quality: $(STAMP) ## survival curves against seven peers on public data sets, one table; ARGS="--sets GBSG2" for less
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.quality $(ARGS)

bench-oracle: $(STAMP) ## the model beside the truth of a simulated market, and what a backtest says of drift; ARGS="--leads 4000" for less
	@$(BIN)/python -m benchmarks.oracle $(ARGS)

bench-train: $(STAMP) ## `veraison train` on 100,000 simulated leads: time and memory; ARGS="--leads 5000" for less
	@$(BIN)/python -m benchmarks.train $(ARGS)

clean: ## remove the environment and everything made
	rm -rf $(VENV) $(VENV)-uv workspace .pytest_cache .mypy_cache .ruff_cache
