# `make help` lists the targets. Each one first sees to the environment in .venv; that is skipped when
# requirements.lock and pyproject.toml are as they were.
.DEFAULT_GOAL := help
.PHONY: help setup book full test test-all test-book book2 pdf oracle bench bench-moco lint data doctor lock licences release picture browser clean distclean
.NOTPARALLEL:

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
IS_311 := -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'
STAMP := $(VENV)/.gaitlib-$(shell cat requirements.lock pyproject.toml | cksum | cut -d' ' -f1)
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
PYTEST := $(BIN)/python -m pytest --quiet
CHROMIUM = "$$($(BIN)/python -c 'from gaitlib.doctor import find_chromium; print(find_chromium())')" \
	--headless --no-sandbox --disable-gpu
WORKERS ?= 2
CORES ?= 2

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile

setup: $(STAMP)  ## set up .venv (Python 3.11) from requirements.lock

$(STAMP):
	@if ! $(BIN)/python $(IS_311) 2>/dev/null; then \
		if ! "$(PYTHON)" $(IS_311) 2>/dev/null; then \
			echo "The whole of gaitlib needs Python 3.11; found '$(PYTHON)'. One of these gives it:" >&2; \
			echo "  apt install python3.11 python3.11-venv   (Debian 12; Ubuntu 22.04)" >&2; \
			echo "  uv python install 3.11   |   pyenv install 3.11   |   conda create -n py311 python=3.11" >&2; \
			echo "then: make PYTHON=/path/to/python3.11. Only estimates: pip install . (Python 3.11 to 3.13)" >&2; \
			exit 1; \
		fi; \
		echo "Setting up .venv: about 4 minutes and 3.4 GB, once"; \
		"$(PYTHON)" -m venv --clear $(VENV); \
	fi
	@$(PIP) install --no-deps --no-compile -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@rm -f $(VENV)/.gaitlib-*
	@touch $@

book: $(STAMP)  ## run the quick study and build its book
	@$(BIN)/gaitlib run studies/quick.yaml --cores $(CORES)
	@echo "Read it: open build/quick/book/index.html in a browser"

full: $(STAMP)  ## run the full study and build its book (hours)
	@$(BIN)/gaitlib run studies/full.yaml --cores $(CORES)
	@echo "Read it: open build/full/book/index.html in a browser"

test: $(STAMP)  ## fast tests
	@$(PYTEST) -n $(WORKERS) --dist loadfile

test-all: $(STAMP)  ## all tests
	@$(PYTEST) -n $(WORKERS) --dist loadfile -m ""

test-book: $(STAMP)  ## equal numbers on every page, and the browser test, on the book that `make book` built
	@GAITLIB_BOOK=build/quick/book $(PYTEST) tests/test_book_results.py
	@GAITLIB_BOOK=build/quick/book $(PYTEST) -m browser tests/test_book_browser.py

book2: $(STAMP)  ## the built book's sources through jupyter-book 2, strictly, in an environment of its own (needs node)
	@test -d build/book2/env || "$(BIN)/python" -m venv build/book2/env
	@build/book2/env/bin/python -m pip --disable-pip-version-check -qq install 'jupyter-book==2.1.7'
	@$(BIN)/python .ci/book_two.py build/book2/env/bin/jupyter-book build/quick/book_source

pdf: $(STAMP)  ## the built book as one PDF, build/quick/book.pdf (needs Chromium)
	@PYTHONPATH=build/quick/book_source/_ext:. $(BIN)/jupyter-book build build/quick/book_source \
		--path-output build/pdf --builder custom --custom-builder singlehtml > build/pdf.log 2>&1 \
		|| { tail -20 build/pdf.log >&2; exit 1; }
	@$(CHROMIUM) --no-pdf-header-footer --print-to-pdf=build/quick/book.pdf \
		"file://$(CURDIR)/build/pdf/_build/singlehtml/0_answer.html" 2>/dev/null
	@ls -l build/quick/book.pdf

oracle: $(STAMP)  ## the statistics against pingouin, scikit-learn and MNE, in an environment of their own
	@test -d build/oracle || "$(BIN)/python" -m venv build/oracle
	@build/oracle/bin/python -m pip --disable-pip-version-check -qq install -r tests/requirements-oracle.txt
	@PYTHONPATH=. build/oracle/bin/python -m pytest --quiet -p no:cacheprovider tests/test_evaluate_oracle.py

bench: $(STAMP)  ## write build/bench.json; one thread per process
	@$(BIN)/python studies/bench.py --output build/bench.json

bench-moco: $(STAMP)  ## the same walking problem in OpenSim Moco, an hour or more: build/bench_moco.json
	@$(BIN)/python studies/measure_moco.py build/bench_moco.json

lint: $(STAMP)  ## check the style of code and notebooks
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

data: $(STAMP)  ## download the recordings of real people that are not in GAITLIB_DATA
	@$(BIN)/gaitlib data fetch

doctor: $(STAMP)  ## say what works on this machine
	@$(BIN)/gaitlib doctor

lock: $(STAMP)  ## write requirements.lock and environment.yml from what is installed in .venv
	@PYTHONPATH=. $(BIN)/python .ci/lock.py

environment.yml: requirements.lock .ci/lock.py $(STAMP)
	@PYTHONPATH=. $(BIN)/python .ci/lock.py conda

# What is committed, so that a release holds what its revision says.
release:  ## gather a release with checksums in build/release: book, library, weights, manifest, citation
	@test -f build/quick/book/index.html || { echo "no book in build/quick/book: run make book" >&2; exit 1; }
	@rm -rf build/release && mkdir -p build/release
	@cd build/quick && "$(PYTHON)" -m zipfile -c ../release/book.zip book
	@git archive --format=zip -o build/release/library.zip HEAD data/library data/spatial_library data/doses data/doses_in_space data/targets
	@git archive --format=zip -o build/release/weights.zip HEAD data/estimator data/generator
	@test ! -f build/quick/book.pdf || cp build/quick/book.pdf build/release/
	@cp data_manifest.yaml CITATION.cff LICENSE build/release/
	@git describe --always --dirty=+ > build/release/REVISION
	@cd build/release && sha256sum * > SHA256SUMS && sha256sum --check --quiet SHA256SUMS
	@ls -l build/release

licences: $(STAMP)  ## list the licence of every package
	@PYTHONPATH=. $(BIN)/python .ci/licences.py

picture:  ## take the picture of the README: a report that `make book` wrote
	@$(CHROMIUM) --hide-scrollbars --window-size=940,822 --screenshot=.github/picture.png \
		"file://$(CURDIR)/build/quick/results/report_examples/A3_report.html" 2>/dev/null

browser:  ## install Chromium from Debian's packages, for the browser test
	@if command -v chromium >/dev/null; then chromium --version; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; \
	else \
		echo "As root on Debian or Ubuntu: apt-get update && apt-get install chromium" >&2; exit 1; \
	fi

clean:  ## remove what was built, not .venv
	rm -rf build .snakemake .pytest_cache .ruff_cache .hypothesis *.egg-info
	find gaitlib tests book workflow notebooks -name __pycache__ -prune -exec rm -rf {} +

distclean: clean  ## remove .venv too
	rm -rf $(VENV)
