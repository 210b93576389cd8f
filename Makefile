# make run    set up .venv and run the pipeline (again: only what changed)
# make test   lint, types, tests
# make bench  speed of the training against the tutorial's loop
# make better full MNIST with other settings for the tutorial's networks: README, "Other settings, other weights"
# make paper-table  the table of the 2014 paper, with a line for this project; MNIST=folder where its files are
# make compare every system with a small budget, in DVC's queue: reports/comparison.md
# make explore look around in the generator, in the browser
# make doctor repair what a killed dvc leaves behind
# make clean  remove checkpoints and downloads
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
EXPLORE := $(VENV)/.explore
# The stages call `python`: that of the environment.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: run test setup lint bench better paper-table compare explore setup-explore doctor clean

run: $(READY)
	@$(VENV)/bin/dvc repro

test: lint
	@$(VENV)/bin/pytest

lint: $(READY)
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy

setup: $(READY)

# Made anew when the pinned requirements change.
$(READY): requirements.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed, $(PYTHON) is older; say which to use: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --disable-pip-version-check --quiet --requirement requirements.txt
	@touch $@

# What only the explorer needs.
$(EXPLORE): requirements-explore.txt constraints.txt $(READY)
	$(VENV)/bin/pip install --disable-pip-version-check --quiet --requirement requirements-explore.txt
	@touch $@

setup-explore: $(EXPLORE)

explore: $(EXPLORE)
	@$(VENV)/bin/python -m gan.explore

bench: $(READY)
	@$(VENV)/bin/dvc repro --quiet prepare
	@$(VENV)/bin/python -m benchmarks.training_speed
	@$(VENV)/bin/python -m benchmarks.growth

better: $(READY)
	@$(VENV)/bin/dvc exp run -S data.dataset=mnist $(if $(MNIST),-S data.source=$(MNIST)) -S train.epochs=20 \
		-S train.lr=5e-4 -S train.lr_decay=0.35 -S 'train.betas=[0,0.99]' -S train.r1=0.1 -S train.ema=0.9998

paper-table: $(READY)
	@$(VENV)/bin/python -m benchmarks.paper_table $(if $(MNIST),--mnist $(MNIST))

compare: $(READY)
	@$(VENV)/bin/python -m tools.compare

doctor: $(READY)
	@$(VENV)/bin/python -m tools.doctor

# What outlives a run: checkpoints and downloads. Results stay; the next training starts afresh.
clean:
	rm -rf .checkpoints .cache
