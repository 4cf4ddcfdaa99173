SHELL := bash
BIN := .venv/bin
DEMO_NOW := 2026-11-18T06:00:00Z

.PHONY: help demo demo-spark spark test test-spark lint focus-validator docs dev lock bench bench-history clean
help: ## Show what there is to type
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

.venv/.synced: requirements.lock pyproject.toml
	@test -x $(BIN)/python || python3 -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/pip install --quiet uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

.demo/home: | .venv/.synced
	$(BIN)/python -m examples.company --out .demo --scale 1 --seed 7

demo: .demo/home ## Set up, build a made-up company from its raw exports, write its report
	INFERLEDGER_NOW=$(DEMO_NOW) $(BIN)/inferledger run --home .demo/home

test: .venv/.synced ## Set up, run every test
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium >/dev/null; } \
		|| echo "chromium is missing: 'apt-get install chromium', else the browser tests cannot run"
	@command -v prometheus >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -qq -y --no-install-recommends prometheus >/dev/null; } \
		|| echo "prometheus is missing: 'apt-get install prometheus', else the tests of its pull cannot run"
	$(BIN)/python -m pytest -n 2 --dist loadfile

.venv/.synced-spark: requirements-spark.lock .venv/.synced
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-spark.lock
	@touch $@

spark: .venv/.synced-spark ## Set up Spark too

test-spark: .venv/.synced-spark ## Set up Spark, build one company on it and on DuckDB, compare; kills executor and driver
	$(BIN)/python -m pytest tests/spark

.demo-spark/home: | .venv/.synced
	$(BIN)/python -m examples.company --out .demo-spark --scale 0.02 --step 1800 --seed 7

demo-spark: .demo-spark/home .venv/.synced-spark ## Build a smaller one on Apache Spark, on two executors of this machine
	INFERLEDGER_ENGINE=spark INFERLEDGER_NOW=$(DEMO_NOW) $(BIN)/inferledger run --home .demo-spark/home

lint: .venv/.synced ## Check style, types, import directions, and that the SQL runs elsewhere too
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar dbt_project/models dbt_project/tests
	$(BIN)/python tests/lint/portability.py

focus-validator: .venv/.synced ## Hold the FOCUS 1.2 export against the official validator, where there is Python 3.12
	$(BIN)/python -m tests.conformance.focus_validator

docs: .venv/.synced ## Write the reference pages again from the code
	$(BIN)/python -m docs.generate

dev: .demo/home ## Open Dagster's page on the demo home
	$(BIN)/inferledger init .demo/home >/dev/null
	DAGSTER_HOME=$(CURDIR)/.demo/home/dagster INFERLEDGER_HOME=$(CURDIR)/.demo/home INFERLEDGER_NOW=$(DEMO_NOW) \
		$(BIN)/dagster dev -w workspace.yaml

lock: ## Resolve the versions again; the lock names packages, versions and hashes, no address
	$(BIN)/uv pip compile --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
		--extra postgres --extra urls --group dev pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
		--extra spark --constraint requirements.lock pyproject.toml -o requirements-spark.lock
	$(BIN)/uv pip compile --universal --python-version 3.12 --generate-hashes --no-header --no-emit-index-url \
		--no-emit-find-links tests/conformance/focus-validator.in -o tests/conformance/focus-validator.lock

bench: ROWS ?= 1000000
bench: .venv/.synced ## Measure CPU and memory against the goals: make bench ROWS=1000000
	$(BIN)/python -m benchmarks --rows $(ROWS)

bench-history: CALLS ?= 50000000
bench-history: .venv/.synced ## Measure a new day on 50 million calls against a full build: 2.5 hours, 65 GB of disk (CALLS=1000000: quick, its goals do not count)
	$(BIN)/python -m benchmarks.following --calls $(CALLS)

clean: ## Remove the demo
	rm -rf .demo .demo-spark
