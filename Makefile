# quant-engine: everything a user or a contributor runs. Needs Python 3.11 or newer, git and make; nothing else.
# Each target sets up what it needs first; the second time that costs a fraction of a second.

VENV := .venv
BIN := $(VENV)/bin
SETUP := scripts/setup

CRASHES := tests/journal/test_crashes.py tests/trading/test_rule_crashes.py tests/scenarios/test_crashes.py tests/scenarios/test_breach_crashes.py

SEARCHES := tests/core/kill/test_machine_laws.py tests/core/kill/test_any_event.py tests/core/preflight/test_quick_way.py

# What pytest makes of a test file is kept beside it: without, each of its workers spends a quarter of a minute on all of them.
test coverage coverage-kill coverage-rest collected: export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help drill setup test coverage coverage-kill coverage-rest collected coverage-parts mutants planted crashes check bench performance envs picture page evidence load soak clean

help: ## list the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)$$/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s%s\n", $$1, $$2}'

drill: ## set up what is missing, then run the main job: the kill switch against a simulated TWS
	@$(SETUP) run
	@$(BIN)/qe drill $(ARGS)

setup: ## make .venv with everything a contributor needs
	@$(SETUP) dev

test: setup ## run the tests
	-@$(BIN)/python scripts/client_envs.py # a client that cannot be had fails its own tests, not all of them
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

coverage: coverage-kill coverage-rest ## every branch of engine.core is taken by the tests of tests/core, without its random searches
	@$(BIN)/python -m coverage combine -q .coverage.kill .coverage.rest
	@$(BIN)/python -m coverage report

coverage-kill: setup # the longer half: with `make -j2` beside the other
	@$(BIN)/python -m coverage run --data-file=.coverage.kill -m pytest tests/core/kill $(SEARCHES:%=--ignore=%)

coverage-rest: setup
	@$(BIN)/python -m coverage run --data-file=.coverage.rest -m pytest tests/core --ignore=tests/core/kill $(SEARCHES:%=--ignore=%)

collected: setup # reads every test file once, so that the workers of `make test` need not each do it
	@$(BIN)/python -m pytest --collect-only > /dev/null

coverage-parts: setup ## a table: how much of wire, journal, broker, trading, gateway and guard their own tests take; ARGS="wire --missing"
	@$(BIN)/python scripts/coverage_parts.py $(ARGS)

mutants: setup ## change engine.core in every small way: which changes does no test notice? ARGS="python/engine/core/limits.py"
	@$(BIN)/python scripts/mutants.py $(ARGS)

planted: setup ## take every safeguard away in a copy, one by one: is each missed by a test? ARGS="journal" for one subject
	@$(BIN)/python scripts/planted.py $(ARGS)

crashes: setup ## end a program by SIGKILL at every system call and await of journal, halt, breach and kill (12 minutes)
	@QE_EVERY_CALL=1 $(BIN)/python -m pytest --durations=0 $(or $(ARGS),$(CRASHES))

check: setup ## ruff, mypy --strict, import-linter
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/lint-imports

bench: setup ## run every benchmark, each beside its peers, and one table at the end; ARGS="kill codec" for some
	-@$(BIN)/python scripts/client_envs.py --peers # a peer that cannot be had fails its own benchmark, not all of them
	@$(BIN)/python benchmarks/run_all.py $(ARGS)

performance: setup ## the same, and write docs/performance.md anew; ARGS="kill codec" for some of them
	-@$(BIN)/python scripts/client_envs.py --peers
	-@$(BIN)/python benchmarks/run_all.py $(ARGS) --record docs/performance.json
	@$(BIN)/python scripts/performance.py

envs: setup ## set up the API clients that need environments of their own (conformance tests)
	@$(BIN)/python scripts/client_envs.py

picture: setup ## draw the pictures in README and docs: a drill, the live status beside a guard, the gateway, the printed page
	@$(BIN)/python scripts/picture.py
	@$(BIN)/python scripts/picture_guard.py
	@$(BIN)/python scripts/picture_gateway.py

page: setup ## write EMERGENCY_PROCEDURES.md anew
	@$(BIN)/qe runbook --generic -o EMERGENCY_PROCEDURES.md

evidence: setup ## write docs/evidence.md anew from docs/evidence.json, which `qe torture --record` keeps
	@$(BIN)/python scripts/evidence.py

load: setup ## 20 logins with 250 positions each, a breach in every one within a second; ARGS="--record docs/endurance.json"
	@$(BIN)/python benchmarks/load.py $(ARGS)

soak: setup ## a month in the life of a guard in virtual time, and its memory; ARGS="--record docs/endurance.json"
	@$(BIN)/python scripts/soak.py $(ARGS)

clean: ## remove everything the targets above made
	rm -rf $(VENV) .envs .coverage .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist
	find python tests benchmarks scripts -name __pycache__ -prune -exec rm -rf {} +
