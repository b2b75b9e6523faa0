# Everything a newcomer types. Needs Python 3.11+, pip and make; the rest is built into .venv from locks with hashes.

FIND = for p in python3 python3.13 python3.12 python3.11 python; do \
         $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done
PYTHON ?= $(shell $(FIND))
VENV := .venv/bin
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help python environment dev run demo-reset backup simulate test slow check bench chaos fake-provider lint format types mutants coverage-pure locks
MAKEFLAGS += --no-print-directory
# Compiled modules are what makes a second start quick.
unexport PYTHONDONTWRITEBYTECODE

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

python:
	@test -n "$(PYTHON)" || { echo "This needs Python 3.11 or later, and none was found: install it, or name it with PYTHON=/path/to/python3."; exit 1; }

environment: python
	@$(PYTHON) scripts/bootstrap.py embedded
	@$(VENV)/python scripts/first_time.py

dev: python
	@$(PYTHON) scripts/bootstrap.py dev

run: environment ## Start everything and print the address (PORT=8000); Ctrl-C stops everything
	@exec $(VENV)/python manage.py run

demo-reset: environment ## Throw the demo's data away and start over with the next `make run`
	@$(VENV)/python manage.py demo_reset

backup: environment ## Back the database up into var/backups (ARGS="--to /another/folder")
	@$(VENV)/python manage.py backup $(ARGS)

simulate: environment ## Play a quarter of two clinics in a database of its own and judge it (ARGS="--seed 1 --days 90")
	@$(VENV)/python manage.py simulate $(ARGS)

test: dev ## Test against real PostgreSQL, Valkey and Chromium
	@$(VENV)/python -m pytest -q -n $(WORKERS) --dist worksteal --ignore tests/pure $(ARGS)
	@$(MAKE) coverage-pure

slow: dev ## What `make test` leaves out; what kills a whole system comes last and alone
	@$(VENV)/python -m pytest -q -rs -n $(WORKERS) --dist worksteal -m slow $(ARGS)
	@$(VENV)/python -m pytest -q -rs -m chaos $(ARGS)

check: slow ## The slow tier, then figures at their full size: thousands of examples, a quarter of days, each crash point twice
	@$(VENV)/python -m pytest -q -n $(WORKERS) --dist worksteal -m long $(ARGS)

bench: dev ## Measure every page over 100,000 contacts in a database of its own (ARGS="--contacts 20000 --only contacts_contact --plans --write")
	@$(VENV)/python -m benchmarks $(ARGS)

fake-provider: dev ## An SMS provider on this machine that goes wrong by a seed (ARGS="twilio --port 9803 --journal var/texts --seed 1")
	@exec $(VENV)/python -m tests.fakes $(ARGS)

# Words of `make chaos` that become options of `python -m tests.chaos`.
CHAOS = $(foreach word,SEED EVENTS KILLS PERSONALITY PROVIDER RATE RESTARTS GAP,$(if $($(word)),--$(shell echo $(word) | tr A-Z a-z) $($(word))))
chaos: dev ## Kill the real system under load and judge it (SEED=1 EVENTS=2000 KILLS=200 PERSONALITY=neither; POINTS=1 for every crash point)
	@$(if $(POINTS),$(VENV)/python -m pytest -q -s -m long tests/chaos/test_crash_points.py,$(VENV)/python -m tests.chaos $(CHAOS) $(ARGS))

lint: dev ## Ruff, mypy, import contracts, migrations and deployment checks
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy
	@$(VENV)/lint-imports
	@$(VENV)/python scripts/checks.py

format: dev ## Let Ruff put the code in order
	@$(VENV)/ruff check --fix .
	@$(VENV)/ruff format .

mutants: dev ## Change the pure modules in small ways and see whether their tests notice (at least 90 %)
	@$(VENV)/python scripts/mutants.py $(ARGS)

coverage-pure: dev ## Branch coverage of the pure modules (at least 95 %)
	@$(VENV)/python scripts/coverage_pure.py

locks: dev ## Resolve the dependencies anew
	@$(VENV)/python scripts/locks.py
