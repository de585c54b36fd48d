# mixtura: what a person does here. Each target makes its own virtual environment; only Python >= 3.11, make and g++ are needed.
PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin

.PHONY: help demo test slow spark lint types doctest check bench pictures screenshots docs build clean

help:            ## this list
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: $(VENV)/.demo   ## the main job on real data: groups in Old Faithful's eruptions, and the course exercise explained
	$(RUN)/mixtura fit examples/old_faithful.csv
	$(RUN)/mixtura explain --values=-1,0,4,5,6 --weights .5,.5 --means 6,7 --variances 1,4

test: $(VENV)/.test   ## all quick tests
	$(RUN)/pytest -q -m "not slow" -n auto

slow: $(VENV)/.test   ## the slow tests
	$(RUN)/pytest -q -m slow -n auto

spark: $(VENV)/.test   ## the tests on a local Spark (installs pyspark, half a gigabyte; needs Java 17)
	$(RUN)/python -m pip install --quiet --editable '.[spark]'
	$(RUN)/pytest -q tests/test_spark.py

doctest: $(VENV)/.test   ## the examples in docstrings and README
	$(RUN)/pytest -q --doctest-modules src/mixtura
	$(RUN)/python -m doctest README.md

lint: $(VENV)/.lint   ## style
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .

types: $(VENV)/.lint  ## types
	$(RUN)/mypy

check: test doctest lint types slow   ## everything CI runs

bench: .venv-bench/.bench   ## mixtura beside its peers: time, likelihood, memory, readings (about an hour; BENCH=--quick)
	.venv-bench/bin/python benchmarks/run.py $(BENCH)

pictures: $(VENV)/.test  ## draw the pictures of README and docs again
	$(RUN)/python docs/pictures.py

screenshots: $(VENV)/.test  ## photograph the pages for the docs again (needs Chromium)
	$(RUN)/python docs/screenshots.py

docs: $(VENV)/.docs   ## the documentation's site, in build/docs: no network, no warning, no dead link
	$(RUN)/sphinx-build --fresh-env --fail-on-warning --keep-going --quiet -b html docs build/docs
	$(RUN)/python docs/check_links.py build/docs

build: $(VENV)/.build ## the wheel and the source archive, in dist/
	$(RUN)/python -m build

clean:           ## remove what make made
	rm -rf $(VENV) .venv-bench build dist docs/generated docs/reference .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Set-up. A stamp file is renewed when what it depends on is newer; pip compiles the core when the package is installed.
SOURCES := pyproject.toml CMakeLists.txt $(shell find cpp -type f)

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mixtura needs Python >= 3.11; set PYTHON=python3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet --upgrade pip

$(VENV)/.demo: $(VENV)/bin/python $(SOURCES)
	$(RUN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.test: $(VENV)/.demo
	$(RUN)/python -m pip install --quiet --group test
	touch $@

$(VENV)/.lint: $(VENV)/.test
	$(RUN)/python -m pip install --quiet --group lint
	touch $@

$(VENV)/.docs: $(VENV)/.test
	$(RUN)/python -m pip install --quiet --group docs
	touch $@

.venv-bench/.bench: benchmarks/requirements.txt $(SOURCES)
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --upgrade pip
	.venv-bench/bin/python -m pip install --quiet --requirement benchmarks/requirements.txt
	.venv-bench/bin/python -m pip install --quiet --config-settings build-dir=build/bench --editable .
	touch $@

$(VENV)/.build: $(VENV)/bin/python
	$(RUN)/python -m pip install --quiet build
	touch $@
