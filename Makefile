# make run          create .venv and run the pipeline; later, only what changed
# make test         run the linter, the type checker and the tests
# make bench        compare the training speed with the tutorial's loop, and measure how it scales
# make train-mnist  train the preset `better` on full MNIST, also called `make better`; MNIST=folder with its files
# make paper-table  reproduce the table of the 2014 paper with a row for this project; MNIST=folder with its files
# make compare      train every system with a small budget in DVC's queue, and write reports/comparison.md
# make explore      explore the generator in the browser
# make dvc-doctor   repair what a killed dvc leaves behind
# make clean        remove checkpoints and downloads
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
EXPLORE := $(VENV)/.explore
# The stages call `python`, which must be that of the environment.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: run test lint setup setup-explore bench train-mnist better paper-table compare explore dvc-doctor doctor clean

run: $(READY)
	@$(VENV)/bin/dvc repro

test: lint
	@$(VENV)/bin/pytest

lint: $(READY)
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy

setup: $(READY)

# Runs again when the pinned requirements change.
$(READY): requirements.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed, $(PYTHON) is older; name another one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --disable-pip-version-check --quiet --requirement requirements.txt
	@touch $@

# Only `make explore` needs these packages.
$(EXPLORE): requirements-explore.txt constraints.txt $(READY)
	$(VENV)/bin/pip install --disable-pip-version-check --quiet --requirement requirements-explore.txt
	@touch $@

setup-explore: $(EXPLORE)

explore: $(EXPLORE)
	@$(VENV)/bin/python -m gan.explore

bench: $(READY)
	@$(VENV)/bin/dvc repro --quiet prepare
	@$(VENV)/bin/python -m benchmarks.speed
	@$(VENV)/bin/python -m benchmarks.speed --growth

train-mnist: $(READY)
	@$(VENV)/bin/python -m tools.preset better
	@$(VENV)/bin/dvc exp run $(if $(MNIST),-S data.source=$(MNIST))

better: train-mnist

paper-table: $(READY)
	@$(VENV)/bin/python -m benchmarks.paper_table $(if $(MNIST),--mnist $(MNIST))

compare: $(READY)
	@$(VENV)/bin/python -m tools.compare

dvc-doctor: $(READY)
	@$(VENV)/bin/python -m tools.dvc_doctor

# The name of this target in earlier versions.
doctor: dvc-doctor

# Removes what outlives a run: checkpoints and downloads. Results stay. The next training starts from the beginning.
clean:
	rm -rf .checkpoints .cache
