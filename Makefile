# Every target first sets up what it needs: Python 3.11 to 3.13, make and the package registries are enough.
#
#   make demo    a simulated listener, from Spotify to finished tables
#   make dev     Dagster's UI, with a history that stays
#   make test    the tests; make soak runs the same with larger numbers
#   make lint    ruff, mypy --strict, sqlfluff, hadolint, compose's schema
#   make docs    every model, column and test with the lineage from raw to recaps, as one page
#   make clean   stop the embedded Postgres and remove what make made; your data under .spotify_assets stays

PYTHON ?= python3
UV_VERSION := 0.13.9
export UV_PYTHON_DOWNLOADS := never
# Trust what the machine trusts: behind a company's proxy uv's own certificates don't suffice.
export UV_SYSTEM_CERTS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Else every process would compile thousands of modules again, for ten seconds.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin

.PHONY: demo dev test soak lint docs clean setup
.DEFAULT_GOAL := demo

setup: .venv/ready

.venv/ready: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "$(PYTHON) is not Python 3.11 to 3.13; name one: make $(MAKECMDGOALS) PYTHON=python3.13"; exit 1; }
	@echo "Installing into .venv, about 1.2 GB; this takes a minute or two the first time."
	@test -x .tools/bin/uv || { $(PYTHON) -m venv .tools && .tools/bin/pip install --quiet uv==$(UV_VERSION); }
	@.tools/bin/uv sync --quiet --frozen --python $(PYTHON)
	@touch $@

demo: setup
	@$(BIN)/spotify-assets demo

# Dagster's history lies in the home, which may be named in .env only.
dev: setup
	@home=$${SPOTIFY_ASSETS_HOME:-$$(! test -e .env || . ./.env; echo "$${SPOTIFY_ASSETS_HOME:-.spotify_assets}")}; \
	  home=$${DAGSTER_HOME:-$$home/dagster}; mkdir -p "$$home" && DAGSTER_HOME=$$(cd "$$home" && pwd) && export DAGSTER_HOME && \
	  { test -e "$$DAGSTER_HOME/dagster.yaml" || cp dagster.yaml "$$DAGSTER_HOME/"; } && exec $(BIN)/dagster dev

# The longest tests come first; conftest.py says which share a worker.
test: setup
	@$(BIN)/pytest -n auto --no-loadscope-reorder

soak: setup
	@SOAK=1 $(BIN)/pytest -n auto --no-loadscope-reorder

lint: setup
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy & types=$$!; $(BIN)/sqlfluff lint --quiet dbt_project; sql=$$?; wait $$types && exit $$sql
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yaml deploy/celery/docker-compose.yaml

DBT_HERE := --project-dir dbt_project --profiles-dir dbt_project --target-path $(abspath build/dbt) --log-path build/dbt
docs: setup
	@$(BIN)/dbt --quiet --no-version-check parse $(DBT_HERE)
	@$(BIN)/dbt --quiet --no-version-check docs generate --static --no-compile --empty-catalog $(DBT_HERE)
	@mv build/dbt/static_index.html build/models.html
	@echo "build/models.html has every model, column and test, and the lineage from raw to recaps."

clean:
	@test ! -x $(BIN)/spotify-assets || $(BIN)/spotify-assets db stop
	@rm -rf .venv .tools build dbt_project/target dbt_project/logs .pytest_cache .mypy_cache .ruff_cache .hypothesis
