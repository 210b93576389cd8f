"""Log of a training's metrics: their means per window of iterations and per epoch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gan.config import UserError
from gan.io import write_json, write_text


@dataclass
class MetricsLog:
    """Means of the metrics `metric_names`: per `log_interval` iterations for the table, per epoch for the screen.

    A record is step, epoch (both counted from 1) and the means. Sums stay on the device until a mean is needed.
    """

    metric_names: tuple[str, ...]
    log_interval: int
    steps_per_epoch: int
    step: int = 0  # iterations so far
    records: list[list[float]] = field(default_factory=list)
    window_sum: Tensor = field(default_factory=lambda: torch.zeros(0))
    epoch_sum: Tensor = field(default_factory=lambda: torch.zeros(0))

    @property
    def columns(self) -> list[str]:
        """Names of a record's values."""
        return ["step", "epoch", *self.metric_names]

    def update(self, metrics: Tensor) -> None:
        """Add the metrics of one iteration, [len(metric_names)]; raises UserError where a window is not finite."""
        self.window_sum = metrics if self.step % self.log_interval == 0 else self.window_sum + metrics
        self.epoch_sum = metrics if self.step % self.steps_per_epoch == 0 else self.epoch_sum + metrics
        self.step += 1
        if self.step % self.log_interval == 0:
            self.check_finite()
            self.records.append(self._record(self.log_interval))

    def check_finite(self) -> None:
        """Raise UserError if a metric since the last full window is not finite."""
        for name, value in zip(self.metric_names, self.window_sum.tolist(), strict=True):
            if not isfinite(value):
                raise UserError(
                    f"{name} became {value} at or before iteration {self.step:,}: the training has diverged; "
                    "try a lower train.lr or another train.seed; the earlier checkpoints are kept"
                )

    def to_tsv(self) -> str:
        """Return all records, and one of the window that is not full yet, as tab-separated text with a header."""
        remainder = self.step % self.log_interval
        records = self.records + ([self._record(remainder)] if remainder else [])
        lines = [self.columns]
        lines += [[f"{step:.0f}", f"{epoch:.0f}", *(f"{x:.6f}" for x in means)] for step, epoch, *means in records]
        return "".join("\t".join(line) + "\n" for line in lines)

    def epoch_means(self) -> dict[str, float]:
        """Return the means over the current epoch so far, or over the last one at its end."""
        num_steps = self.step % self.steps_per_epoch or self.steps_per_epoch
        return dict(zip(self.metric_names, (self.epoch_sum / num_steps).tolist(), strict=True))

    def save(self, table_path: Path, metrics_path: Path, epochs: int) -> None:
        """Write the table, and the means of the last of the `epochs` as JSON."""
        write_text(table_path, self.to_tsv())
        means = {name: round(mean, 6) for name, mean in self.epoch_means().items()}
        write_json(metrics_path, {"epochs_done": epochs, "iterations": self.step, **means})

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs."""
        return {
            "step": self.step,
            "records": self.records,
            "window_sum": self.window_sum,
            "epoch_sum": self.epoch_sum,
        }

    def load_state_dict(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Continue from a state that `state_dict` returned."""
        self.step = state["step"]
        self.records = state["records"]
        self.window_sum = state["window_sum"].to(device)
        self.epoch_sum = state["epoch_sum"].to(device)

    def _record(self, num_steps: int) -> list[float]:
        epoch = -(-self.step // self.steps_per_epoch)
        return [self.step, epoch, *(self.window_sum / num_steps).tolist()]
