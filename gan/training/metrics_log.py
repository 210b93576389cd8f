"""What is written down of a training: means of the game's scalars."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gan.config import UserError
from gan.io import write_json, write_text


def _nothing() -> Tensor:
    return torch.zeros(0)


@dataclass
class MetricsLog:
    """Means of the scalars `names`: of each `every` iterations for the table, of the epoch so far for the screen.

    A row is step, epoch (both counted from 1) and the means. Sums stay on the device until a mean is asked for.
    """

    names: tuple[str, ...]
    every: int
    per_epoch: int
    step: int = 0  # iterations taken in
    rows: list[list[float]] = field(default_factory=list)
    _window: Tensor = field(default_factory=_nothing)
    _epoch: Tensor = field(default_factory=_nothing)

    @property
    def columns(self) -> list[str]:
        """Names of what stands in a row."""
        return ["step", "epoch", *self.names]

    def add(self, values: Tensor) -> None:
        """Take in the scalars of one iteration, [len(names)], without waiting for the device."""
        self._window = values if self.step % self.every == 0 else self._window + values
        self._epoch = values if self.step % self.per_epoch == 0 else self._epoch + values
        self.step += 1
        if self.step % self.every == 0:
            self.check()
            self.rows.append(self._row(self.every))

    def check(self) -> None:
        """Raise UserError if a scalar since the last full row was not finite."""
        for name, value in zip(self.names, self._window.tolist(), strict=True):
            if not isfinite(value):
                raise UserError(
                    f"{name} became {value} at or before iteration {self.step:,}: the training has diverged; "
                    "try a lower train.lr or another train.seed; the checkpoints before this are kept"
                )

    def table(self) -> str:
        """The rows so far, and that of the window that is not full yet, as tab-separated text under `columns`."""
        left = self.step % self.every
        rows = self.rows + ([self._row(left)] if left else [])
        lines = ([f"{step:.0f}", f"{epoch:.0f}", *(f"{mean:.6f}" for mean in means)] for step, epoch, *means in rows)
        return "".join("\t".join(line) + "\n" for line in [self.columns, *lines])

    def epoch_means(self) -> dict[str, float]:
        """Means over the present epoch so far, or over the last one at its end."""
        done = self.step % self.per_epoch or self.per_epoch
        return dict(zip(self.names, (self._epoch / done).tolist(), strict=True))

    def save(self, table: Path, metrics: Path, epochs: int) -> None:
        """Write the table, and as metrics (JSON) the means of the last of the `epochs`."""
        write_text(table, self.table())
        means = {name: round(mean, 6) for name, mean in self.epoch_means().items()}
        write_json(metrics, {"epochs_done": epochs, "iterations": self.step, **means})

    def state_dict(self) -> dict[str, Any]:
        """Everything that `load_state_dict` needs."""
        return {"step": self.step, "rows": self.rows, "window": self._window, "epoch": self._epoch}

    def load_state_dict(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Go on from such a state."""
        self.step, self.rows = state["step"], state["rows"]
        self._window, self._epoch = state["window"].to(device), state["epoch"].to(device)

    def _row(self, count: int) -> list[float]:
        return [self.step, -(-self.step // self.per_epoch), *(self._window / count).tolist()]
