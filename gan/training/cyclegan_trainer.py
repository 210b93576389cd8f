"""The training step of CycleGAN."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from gan.data.dataset import Batch
from gan.networks.config import ModelConfig
from gan.networks.cyclegan import CycleDiscriminators, CycleGenerators
from gan.networks.mlp import ImageShape
from gan.training.config import TrainConfig
from gan.training.distributed import SINGLE_PROCESS, DistributedContext
from gan.training.summary import network_summary
from gan.training.trainer import BaseTrainer

POOL_SIZE = 50


class ImagePool:
    """Past translations for a discriminator (Zhu et al. 2017, section 4, after Shrivastava et al. 2017)."""

    def __init__(self, images: Tensor) -> None:
        """images: the pool's first images, [N, C, H, W]; N may be 0."""
        self.images = images

    def query(self, fake_images: Tensor, rng: torch.Generator) -> Tensor:
        """Return each image [C, H, W] or, with probability ½, an older one from the pool, which it then replaces."""
        size = max(POOL_SIZE, len(fake_images))
        if len(self.images) < size:
            self.images = torch.cat([self.images, fake_images[: size - len(self.images)]])
            return fake_images
        is_swapped = torch.rand(len(fake_images), generator=rng) < 0.5
        indices = torch.randperm(size, generator=rng)[: len(fake_images)][is_swapped].to(fake_images.device)
        is_swapped = is_swapped.to(fake_images.device)
        mixed = fake_images.clone()
        mixed[is_swapped] = self.images[indices]
        self.images[indices] = fake_images[is_swapped]
        return mixed


class CycleGANTrainer(BaseTrainer):
    """Two generators translate between datasets A and B without pairs (CycleGAN, Zhu et al. 2017, equation 3).

    Each generator should fool the discriminator of the dataset it translates to; the translation of a translation
    should be the original image (cycle consistency, L1); an image of the output dataset should stay as it is (identity
    loss, L1). https://arxiv.org/abs/1703.10593

    With several processes there is no image pool: a checkpoint holds only the pool of the main process.
    """

    metric_names = ("generator_loss", "discriminator_loss", "d_real", "d_fake", "cycle_error", "identity_error")
    batch_multiple = 1
    generator: CycleGenerators
    discriminator: CycleDiscriminators

    def __init__(
        self,
        model: ModelConfig,
        train: TrainConfig,
        image_shape: ImageShape,
        device: torch.device | str = "cpu",
        *,
        preview_inputs: Tensor,
        context: DistributedContext = SINGLE_PROCESS,
        precision: str = "float32",
    ) -> None:
        """preview_inputs: images of dataset A, [N, C, H, W] in [-1, 1], whose translations are the frames."""
        super().__init__(model, train, image_shape, device, context=context, precision=precision)
        self.cycle_weight = train.cycle_weight
        self.identity_weight = train.identity_weight
        # The paper halves the squares of the discriminators only; LeastSquares halves the generator's as well.
        self.gan_weight = 2.0 if self.hparams.loss == "lsgan" else 1.0
        self.preview_inputs = preview_inputs.to(self.device)
        self.rng = torch.Generator().manual_seed(train.seed)
        self.pools = [ImagePool(torch.zeros(0, *image_shape, device=self.device)) for _ in range(2)]

    def step(self, batch: Batch) -> Tensor:
        """Run one iteration; see BaseTrainer.step. Both gradients are taken at the current weights."""
        a = batch.images
        b = batch.target_images
        assert b is not None
        weight = len(a) / batch.global_size  # of this rank's mean in the batch's; 1 for one process
        g_ab = self.generator.g_ab
        g_ba = self.generator.g_ba

        fake_b = self.forward(g_ab, a)
        fake_a = self.forward(g_ba, b)
        cycle_loss = l1_loss(self.forward(g_ba, fake_b), a) + l1_loss(self.forward(g_ab, fake_a), b)
        identity_loss = l1_loss(self.forward(g_ab, b), b) + l1_loss(self.forward(g_ba, a), a)
        real_logits = self.discriminate(a, b)
        fake_logits = self.discriminate(fake_a, fake_b)
        gan_loss_a, gan_loss_b = map(self.loss.generator, [x.detach() for x in real_logits], fake_logits)
        gan_loss = gan_loss_a + gan_loss_b
        g_loss = self.gan_weight * gan_loss + self.cycle_weight * cycle_loss + self.identity_weight * identity_loss
        self.g_optimizer.zero_grad()
        (weight * g_loss).backward(inputs=self.g_params)

        old_fakes = [self.older_fakes(i, fake.detach()) for i, fake in enumerate((fake_a, fake_b))]
        old_logits = self.discriminate(*old_fakes)
        d_loss_a, d_loss_b = map(self.loss.discriminator, real_logits, old_logits)
        d_loss = d_loss_a + d_loss_b
        self.d_optimizer.zero_grad()
        (weight * d_loss).backward(inputs=self.d_params)

        self.context.all_reduce_grads(self.g_params)
        self.context.all_reduce_grads(self.d_params)
        self.g_optimizer.step()
        self.d_optimizer.step()
        if self.ema is not None:
            self.ema.update()

        d_real = self.mean_output(torch.cat(real_logits))
        d_fake = self.mean_output(torch.cat(old_logits))
        metrics = torch.stack([gan_loss / 2, d_loss / 2, d_real, d_fake, cycle_loss, identity_loss])
        return self.context.all_reduce(weight * metrics.detach())

    def discriminate(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Return the patch logits of images of A and of B, [B, C, H, W] each, flattened to one dimension."""
        logits_a = self.forward(self.discriminator.d_a, a)
        logits_b = self.forward(self.discriminator.d_b, b)
        return logits_a.flatten(), logits_b.flatten()

    def older_fakes(self, index: int, fake_images: Tensor) -> Tensor:
        """Return fake images [B, C, H, W] for discriminator number `index`, about half of them from its pool."""
        if self.context.world_size > 1:
            return fake_images
        return self.pools[index].query(fake_images, self.rng)

    @torch.no_grad()
    def preview_images(self) -> Tensor:
        images: Tensor = self.sampling_network()(self.preview_inputs)
        return images

    def sampling_network(self) -> nn.Module:
        return self.generator if self.ema is None else self.ema.with_recomputed_bn(self.preview_inputs)

    def summary(self) -> str:
        images = self.preview_inputs[:1].expand(64, -1, -1, -1)
        generator = network_summary("Generator A → B (B → A has the same layers)", self.generator.g_ab, images)
        discriminator = network_summary("Discriminator of B (A's has the same layers)", self.discriminator.d_b, images)
        return generator + "\n" + discriminator

    def state_dict(self) -> dict[str, Any]:
        pools = [pool.images for pool in self.pools]
        return super().state_dict() | {"rng": self.rng.get_state(), "pools": pools}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.rng.set_state(state["rng"].cpu())
        self.pools = [ImagePool(images.to(self.device)) for images in state["pools"]]
