"""Fixtures of the training tests."""

import pytest
import torch


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Seed PyTorch, so that a comparison with a tolerance has the same result in every run."""
    torch.manual_seed(0)
