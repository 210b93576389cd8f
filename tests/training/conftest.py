"""What the tests of this folder have in common."""

import pytest
import torch


@pytest.fixture(autouse=True)
def seeded() -> None:
    """The same random pictures in every run, so that a tolerance holds always or never."""
    torch.manual_seed(0)
