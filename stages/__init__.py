"""One script per stage. `python -m stages.NAME` reads its sections of params.yaml, calls gan/, writes its outputs."""
