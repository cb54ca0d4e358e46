# Two commands do everything on a fresh machine with Python 3.11+: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install demo test check docs bench chaos lock schemas clean

install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: install
	$(BIN)/python -m examples.shop.demo

# Three tests at a time, also on two cores: much of it is waiting for brokers.
test: install
	$(BIN)/python -m pytest -q -n 3 --dist loadscope --no-loadscope-reorder

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/dalang schema check
	$(BIN)/dalang check journeys
	$(BIN)/python -m tests.contract.timed_assertions
	$(MAKE) --no-print-directory docs

# The pages of docs/ as a site, in build/site. A link that leads nowhere is an error.
docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# One table, in about fifteen minutes; docs/benchmarks.md says how to read it. In files' order, each part runnable alone.
bench: install
	$(BIN)/python -m pytest -q -p no:randomly -m benchmark tests/benchmarks

# About half an hour; CHAOS="--seed 7 --minutes 5 --kills 12" for another run. Needs Java 17 and Maven.
chaos: install
	$(BIN)/python -m tests.chaos $(CHAOS)

# The lock holds for Python 3.11 to 3.13 on every platform, with hashes and without the name of any registry.
lock:
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--all-extras --no-emit-index-url --output-file requirements.lock pyproject.toml requirements.build.in
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --output-file tests/benchmarks/contestants/quixstreams.lock tests/benchmarks/contestants/quixstreams.in

schemas: install
	$(BIN)/dalang schema write
	$(BIN)/dalang schema settings > docs/settings.md
	$(BIN)/dalang schema rights > docs/rights.md

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
