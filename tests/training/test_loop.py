"""The training loop: kills at any iteration, frames, and the order of batches."""

from pathlib import Path

import pytest
import torch

from gan.data.dataset import Batch, BatchLoader
from gan.images import frame_name
from gan.networks.config import ModelConfig
from gan.training.checkpoint import CheckpointManager
from gan.training.config import TrainConfig
from gan.training.frames import FrameWriter
from gan.training.loop import train
from gan.training.snapshots import SnapshotWriter
from gan.training.trainer import GANTrainer

SMALL = ModelConfig(latent_dim=4, generator_widths=[8, 8], discriminator_widths=[8])


@pytest.mark.parametrize("seconds", [1e-9, 1e9], ids=["a checkpoint each iteration", "no checkpoint"])
def test_a_run_that_is_killed_at_any_iteration_ends_as_if_it_had_not_been(seconds: float, tmp_path: Path) -> None:
    """Killing it after iteration k, between or inside epochs, windows and frames, changes no bit of the result."""
    images = torch.randint(0, 256, (50, 1, 4, 4), dtype=torch.uint8)
    config = TrainConfig(epochs=3, batch_size=16, frame_every=3, log_every=5)
    batches = BatchLoader(images, config.batch_size, 0)

    def run(folder: Path, stop_after: int | None) -> tuple[str, dict[str, bytes], list[torch.Tensor]]:
        trainer = GANTrainer(SMALL, config, (1, 4, 4))
        folder.mkdir(exist_ok=True)
        checkpoints, frames = (
            CheckpointManager(folder, seconds),
            FrameWriter(folder / "out", folder / "cache", config.frame_every),
        )
        snapshots = SnapshotWriter(folder / "models", folder / "snapshots", SMALL, config, {"shape": [1, 4, 4]})
        if stop_after is not None:
            real_step, taken = trainer.step, [0]

            def step(batch: Batch) -> torch.Tensor:
                taken[0] += 1
                if taken[0] > stop_after:
                    raise KeyboardInterrupt  # as hard as SIGKILL: nothing is written now
                return real_step(batch)

            trainer.step = step  # type: ignore[method-assign]
        result = train(trainer, batches, config, checkpoints, frames, snapshots=snapshots)
        files = {path.name: path.read_bytes() for made in (frames, snapshots) for path in made.out_dir.iterdir()}
        return result.log.to_tsv(), files, list(trainer.networks()["generator"].state_dict().values())

    whole = run(tmp_path / "whole", None)
    assert len(whole[1]) == 5 + 3  # frames of 0, 3, 6, 9 and the last, 11; a snapshot of each epoch
    for k in range(1, 12):
        folder = tmp_path / str(k)
        with pytest.raises(KeyboardInterrupt):
            run(folder, k)
        table, files, weights = run(folder, None)
        assert (table, files) == whole[:2]
        assert all(a.equal(b) for a, b in zip(weights, whole[2], strict=True))


def test_frames_beyond_the_checkpoint_are_dropped_when_a_run_goes_on(tmp_path: Path) -> None:
    frames = FrameWriter(tmp_path / "out", tmp_path / "cache", 10)
    for step in (0, 10, 20, 25):
        frames.out_dir.mkdir(exist_ok=True)
        frames.cache_dir.mkdir(exist_ok=True)
        frames.save(0, step, torch.zeros(25, 1, 4, 4))
    frames.restore(15)
    assert sorted(path.name for path in frames.out_dir.iterdir()) == [frame_name(0, 0), frame_name(0, 10)]
