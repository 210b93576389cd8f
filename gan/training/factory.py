"""Build a trainer and its batch loader from configs and data."""

import torch

from gan.config import UserError
from gan.data.dataset import BatchLoader, ImageDataset, evenly_spaced, to_float
from gan.networks.config import ModelConfig
from gan.training.config import TrainConfig
from gan.training.cyclegan_trainer import CycleGANTrainer
from gan.training.distributed import SINGLE_PROCESS, DistributedContext
from gan.training.trainer import NUM_PREVIEW_IMAGES, BaseTrainer, GANTrainer


def build_trainer(
    model: ModelConfig,
    train: TrainConfig,
    dataset: ImageDataset,
    target_dataset: ImageDataset | None,
    device: torch.device,
    *,
    context: DistributedContext = SINGLE_PROCESS,
    precision: str = "float32",
) -> tuple[BaseTrainer, BatchLoader]:
    """Return the trainer of these configs, and the loader of this rank's shards of the batches, on `device`.

    target_dataset: images to translate to, for cyclegan. Raises UserError if configs and data do not fit together.
    """
    trainer: BaseTrainer
    if model.architecture == "cyclegan":
        if target_dataset is None:
            raise UserError(
                "data.target: model.architecture cyclegan translates to a second dataset; name it, such as digits"
            )
        trainer = CycleGANTrainer(
            model,
            train,
            dataset.shape,
            device,
            preview_inputs=to_float(evenly_spaced(dataset.train.images, NUM_PREVIEW_IMAGES)),
            context=context,
            precision=precision,
        )
    else:
        trainer = GANTrainer(
            model,
            train,
            dataset.shape,
            device,
            num_classes=dataset.num_classes,
            train_labels=dataset.train.labels,
            context=context,
            precision=precision,
        )
    loader = BatchLoader(
        dataset.train.images.to(device),
        train.batch_size,
        train.seed,
        context.rank,
        context.world_size,
        labels=dataset.train.labels.to(device),
        group_size=trainer.batch_multiple,
        target=None if target_dataset is None else target_dataset.train.images.to(device),
    )
    return trainer, loader
