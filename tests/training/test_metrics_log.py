"""Means of windows and epochs, and the error for values that are not finite."""

import pytest
import torch

from gan.config import UserError
from gan.training.metrics_log import MetricsLog


def test_means_of_windows_and_of_the_epoch() -> None:
    log = MetricsLog(("a",), log_interval=4, steps_per_epoch=3)
    for i in range(1, 11):
        log.update(torch.tensor([float(i)]))
    assert log.to_tsv() == "step\tepoch\ta\n4\t2\t2.500000\n8\t3\t6.500000\n10\t4\t9.500000\n"
    assert log.epoch_means() == {"a": 10.0}
    resumed = MetricsLog(("a",), log_interval=4, steps_per_epoch=3)
    resumed.load_state_dict(log.state_dict(), torch.device("cpu"))
    log.update(torch.tensor([2.0]))
    resumed.update(torch.tensor([2.0]))
    assert resumed == log


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_the_training(loss: float) -> None:
    log = MetricsLog(("generator_loss",), log_interval=2, steps_per_epoch=3)
    log.update(torch.tensor([loss]))
    with pytest.raises(UserError, match=r"generator_loss became (nan|inf) at or before iteration 2.*lower train\.lr"):
        log.update(torch.tensor([1.0]))
