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

.PHONY: help setup demo test lint texts screenshots docs notebooks faults clean \
	bench-features bench-explain bench-quality bench-oracle bench-train bench-serving bench-monitoring bench-renewals bench-estimates bench-guard bench-contract bench-scored bench-forecast

help: ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

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

texts: $(STAMP) ## collect the sentences of the pages into the catalogues, and name those without a translation
	@$(BIN)/pybabel -q extract -F pyproject.toml -k words -k many:1,2 -k deferred --sort-by-file --add-location=file \
		-o .texts.pot serving veraison
	@$(BIN)/pybabel -q update -D veraison -i .texts.pot -d serving/locale -N --ignore-obsolete --ignore-pot-creation-date
	@rm .texts.pot
	$(BIN)/pytest -q tests/serving/test_translations.py

screenshots: $(STAMP) ## a picture of every page of a simulated market, into docs/images
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.screenshots

docs: $(STAMP) ## the worked firm of docs/example: every command of its README, every report; OUT=folder
	@OMP_NUM_THREADS=1 $(BIN)/python docs/example/make.py $(if $(OUT),--out $(OUT))

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

bench-serving: $(STAMP) ## the service beside a bare Starlette app: CPU a score, latency, bulk, ingestion; ARGS="--leads 1000 --requests 300" for less
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.serving $(ARGS)

bench-monitoring: $(STAMP) ## alarms on simulated markets, calm and disturbed, beside Evidently's preset; ARGS="--seeds 3" for less
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.monitoring $(ARGS)

bench-renewals: $(STAMP) ## log-loss with the loop, without, and with a new model every month; ARGS="--seeds 1" for less
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.renewals $(ARGS)

bench-estimates: $(STAMP) ## performance estimated without labels beside the truth; ARGS="--only open" for less
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.estimates $(ARGS)

bench-guard: $(STAMP) ## how often a promoted model is taken back over a whole trial; ARGS="--trials 500" for less
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.guard_trials $(ARGS)

bench-contract: $(STAMP) ## promises of the contract beside what came, and wins per 100 calls beside points by hand; ARGS="--seeds 1 --leads 4000" for less
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.contract $(ARGS)

bench-scored: $(STAMP) ## a run of monitoring with 1,000,000 logged scores of 60 features: time and memory; ARGS="--leads 5000 --scores 20000" for less
	@$(BIN)/python -m benchmarks.scored $(ARGS)

bench-forecast: $(STAMP) ## forecasts of weeks on simulated markets and on bpic2012, beside rules without a model; ARGS="--seeds 1" for less
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.forecast $(ARGS)

faults: $(STAMP) ## kill -9 of the real service under ingestion, 50 rounds: nothing acknowledged is lost; ROUNDS=10 for less
	@VERAISON_FAULT_ROUNDS=$(or $(ROUNDS),50) $(BIN)/pytest -q -p no:xdist tests/faults/test_serve_killed.py

clean: ## remove the environment and everything made
	rm -rf $(VENV) $(VENV)-uv workspace .pytest_cache .mypy_cache .ruff_cache
