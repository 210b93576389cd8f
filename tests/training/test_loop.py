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


@pytest.mark.parametrize(
    ("seconds", "lr_decay"),
    [(1e-9, 0), (1e9, 0), (1e-9, 0.7)],
    ids=["a checkpoint each iteration", "no checkpoint", "a falling learning rate"],
)
def test_a_run_that_is_killed_at_any_iteration_ends_with_the_same_bytes(
    seconds: float, lr_decay: float, tmp_path: Path
) -> None:
    """Killing it after iteration k, between or inside epochs, windows and frames, changes no bit of the result."""
    images = torch.randint(0, 256, (50, 1, 4, 4), dtype=torch.uint8)
    config = TrainConfig(epochs=3, batch_size=16, frame_every=3, log_every=5, lr_decay=lr_decay)
    loader = BatchLoader(images, config.batch_size, 0)

    def run(folder: Path, stop_after: int | None) -> tuple[str, dict[str, bytes], list[torch.Tensor]]:
        trainer = GANTrainer(SMALL, config, (1, 4, 4))
        folder.mkdir(exist_ok=True)
        checkpoints = CheckpointManager(folder, seconds)
        frames = FrameWriter(folder / "out", folder / "cache", config.frame_every)
        snapshots = SnapshotWriter(folder / "models", folder / "snapshots", SMALL, config, {"shape": [1, 4, 4]})
        if stop_after is not None:
            real_step = trainer.step
            num_steps = 0

            def step(batch: Batch) -> torch.Tensor:
                nonlocal num_steps
                num_steps += 1
                if num_steps > stop_after:
                    raise KeyboardInterrupt  # stops like SIGKILL: nothing is written afterwards
                return real_step(batch)

            trainer.step = step  # type: ignore[method-assign]
        result = train(trainer, loader, config, checkpoints, frames, snapshots=snapshots)
        files = {path.name: path.read_bytes() for writer in (frames, snapshots) for path in writer.out_dir.iterdir()}
        return result.log.to_tsv(), files, list(trainer.networks()["generator"].state_dict().values())

    expected_table, expected_files, expected_weights = run(tmp_path / "uninterrupted", None)
    assert len(expected_files) == 5 + 3  # frames of 0, 3, 6, 9 and the last, 11; a snapshot of each epoch
    for k in range(1, 12):
        folder = tmp_path / str(k)
        with pytest.raises(KeyboardInterrupt):
            run(folder, k)
        table, files, weights = run(folder, None)
        assert (table, files) == (expected_table, expected_files)
        assert all(a.equal(b) for a, b in zip(weights, expected_weights, strict=True))


def test_frames_after_the_checkpoint_are_removed_when_a_run_resumes(tmp_path: Path) -> None:
    frames = FrameWriter(tmp_path / "out", tmp_path / "cache", 10)
    for step in (0, 10, 20, 25):
        frames.out_dir.mkdir(exist_ok=True)
        frames.cache_dir.mkdir(exist_ok=True)
        frames.save(0, step, torch.zeros(25, 1, 4, 4))
    frames.restore(15)
    assert sorted(path.name for path in frames.out_dir.iterdir()) == [frame_name(0, 0), frame_name(0, 10)]


def test_the_learning_rate_falls_linearly_over_the_last_fraction() -> None:
    config = TrainConfig(lr_decay=0.4)
    assert [config.lr_scale(progress) for progress in (0, 0.3, 0.6, 0.8, 1)] == pytest.approx([1, 1, 1, 0.5, 0])
    assert TrainConfig().lr_scale(0.99) == 1


def test_the_loop_sets_the_scale_before_each_step(tmp_path: Path) -> None:
    config = TrainConfig(epochs=2, batch_size=16, lr_decay=0.5, lr=0.01)
    trainer = GANTrainer(SMALL, config, (1, 4, 4))
    loader = BatchLoader(torch.zeros(32, 1, 4, 4, dtype=torch.uint8), config.batch_size, 0)
    rates = []
    real_step = trainer.step

    def step(batch: Batch) -> torch.Tensor:
        rates.append((trainer.g_optimizer.param_groups[0]["lr"], trainer.d_optimizer.param_groups[0]["lr"]))
        return real_step(batch)

    trainer.step = step  # type: ignore[method-assign]
    frames = FrameWriter(tmp_path / "out", tmp_path / "cache", 100)
    snapshots = SnapshotWriter(tmp_path / "models", tmp_path / "snapshots", SMALL, config, {"shape": [1, 4, 4]})
    train(trainer, loader, config, CheckpointManager(tmp_path), frames, snapshots=snapshots)
    assert rates == [(pytest.approx(rate), pytest.approx(rate)) for rate in (0.01, 0.01, 0.01, 0.005)]


def test_what_identifies_a_run_that_can_be_continued() -> None:
    assert TrainConfig(epochs=3).resume_key() == TrainConfig(epochs=9).resume_key()
    assert TrainConfig(lr=0.1).resume_key() != TrainConfig(lr=0.2).resume_key()
    # With a falling learning rate every step depends on the number of epochs.
    assert TrainConfig(epochs=3, lr_decay=0.5).resume_key() != TrainConfig(epochs=9, lr_decay=0.5).resume_key()
