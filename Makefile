# Two commands do all the set-up: `make demo` and `make test`. They need Python 3.11 or newer, make and git;
# uv makes the first one faster where it is installed.

VENV := .venv
SAMPLE := examples/sample-project
OUTPUTS := $(SAMPLE)/models/outputs

# The first of these that is new enough and can make a virtual environment. Choose another: make demo PYTHON=/path/to/python3
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

.PHONY: help demo test screens bench bench-peers bench-pipelines soak faults clean

help:
	@echo "make demo    run the sample project, in test mode and then in execution mode (a minute, once installed)"
	@echo "make test    ruff, mypy and the tests"
	@echo "make screens the screens in docs/screens, made anew, for when what verbs show is to change"
	@echo "make bench   what mlpipeline costs, beside doing without it (minutes; once installed, torch with it)"
	@echo "make bench-peers   other tools on the same work (longer; installs each of them by itself)"
	@echo "make bench-pipelines   the cache of pipelines beside joblib.Memory, Hamilton and DVC (minutes; installs each)"
	@echo "make soak    2,000 runs through one daemon, which must not grow; three readers of a history while it is"
	@echo "             written, which must never see it wrong (minutes)"
	@echo "make faults  200 kills, at random moments, of all that works a queue of 100 versions off; then a full disk, a torn"
	@echo "             history, clock steps and more: each version must be trained once all the same (minutes)"
	@echo "make clean   remove $(VENV), the caches, and what the sample project and the benchmarks made"

demo: $(VENV)/.installed-examples
	@echo
	@echo "== Test mode: every version of every script, one step each        (mlpipeline)"
	@cd $(SAMPLE) && "$(CURDIR)/$(VENV)/bin/mlpipeline"
	@echo
	@echo "== Execution mode: every version, trained to its end, unattended  (mlpipeline -r)"
	@cd $(SAMPLE) && "$(CURDIR)/$(VENV)/bin/mlpipeline" -r
	@echo
	@echo "== What it left"
	@echo "what happened, line by line   $$(ls -t $(OUTPUTS)/log-* | head -n 1)"
	@echo "the results of every run      $$(ls -t $(OUTPUTS)/output-* | head -n 1)"
	@echo "one model dir per version     $(OUTPUTS)/model_ckpts/"
	@ls -d $(OUTPUTS)/model_ckpts/*/ | sed 's/^/  /'
	@echo "a picture to look at          $$(ls -t $(OUTPUTS)/model_ckpts/*/*.png | head -n 1)"

test: $(VENV)/.installed-dev
	$(VENV)/bin/python -m ruff check
	$(VENV)/bin/python -m ruff format --check
	$(VENV)/bin/python -m mypy
	$(VENV)/bin/python -m pytest

screens: $(VENV)/.installed-dev
	$(VENV)/bin/python tests/screens.py

# All pairs are written to benchmarks/results. Some only, or quickly: make bench BENCH="torch memory --quick"
bench: $(VENV)/.installed-bench
	$(VENV)/bin/python -m benchmarks $(BENCH)

bench-peers: $(VENV)/.installed-examples
	$(VENV)/bin/python -m benchmarks.peers $(BENCH)

bench-pipelines: $(VENV)/.installed-examples
	$(VENV)/bin/python -m benchmarks.pipelines $(BENCH)

soak: $(VENV)/.installed-dev
	$(VENV)/bin/python -m benchmarks.soak
	$(VENV)/bin/python -m benchmarks.readers

# A storm is repeated by its seed, as far as moments can be: make faults FAULTS="--seed 4711"
faults: $(VENV)/.installed-dev
	PYTHONPATH=tests $(VENV)/bin/python -m storm $(FAULTS)

clean:
	rm -rf $(VENV) $(OUTPUTS) benchmarks/results .mypy_cache .ruff_cache .pytest_cache
	find mlpipeline tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp says that set-up is done: it is done again when pyproject.toml changes, and when the .venv does not work or
# belongs to another folder that this one was copied from. A .venv that nothing can be installed into is made anew.
# `dev` and `bench` contain `examples`.
$(shell $(VENV)/bin/python -P -c 'import mlpipeline, os, sys; \
	sys.exit(not os.path.samefile(os.path.dirname(mlpipeline.__file__), "mlpipeline"))' 2>/dev/null \
	|| rm -f $(VENV)/.installed-*)

$(VENV)/.installed-%: pyproject.toml
	@if command -v uv >/dev/null; then need=sys; else need=pip; fi; \
	if ! $(VENV)/bin/python -c "import sys, $$need; sys.exit(sys.version_info < (3, 11))" 2>/dev/null; then \
		rm -rf $(VENV); \
		if command -v uv >/dev/null; then uv venv --quiet --python "$(or $(PYTHON),>=3.11)" $(VENV); \
		elif [ -n "$(PYTHON)" ]; then "$(PYTHON)" -m venv $(VENV); \
		else \
			echo "mlpipeline needs Python 3.11 or newer, with its venv module: none of python3.13, python3.12," >&2; \
			echo "python3.11, python3 is one. Install it (Debian, Ubuntu: apt install python3-venv) or say where" >&2; \
			echo "it is: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; \
			exit 1; \
		fi; \
	fi
	@echo "Installing mlpipeline[$*] into $(VENV) (once, a minute or two) ..."
	@if command -v uv >/dev/null; then \
		uv pip install --quiet --python $(VENV)/bin/python --editable ".[$*]"; \
	else \
		$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[$*]"; \
	fi
	@touch $(VENV)/.installed-examples $@
