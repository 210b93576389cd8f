"""The training step of a GAN."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gan.data.dataset import Batch
from gan.networks.config import ModelConfig
from gan.networks.factory import build_discriminator, build_generator
from gan.networks.layers import batch_multiple
from gan.networks.mlp import ImageShape
from gan.sampling import sample_latents
from gan.training.config import TrainConfig
from gan.training.distributed import SINGLE_PROCESS, DistributedContext
from gan.training.ema import EMA
from gan.training.hparams import check_compatibility, resolve_hparams, resolve_model_config
from gan.training.losses import LOSSES
from gan.training.penalties import wgan_gp_penalty, zero_centered_penalty
from gan.training.summary import summarize_networks

NUM_PREVIEW_IMAGES = 25
BN_SAMPLES = 2048  # latents for the BatchNorm statistics of the weight average
BN_SAMPLES_PREVIEW = 512  # the same for a frame of the animation; fewer, to be fast


class BaseTrainer(ABC):
    """Networks, optimizers and weight average of one system. A subclass defines `step`."""

    metric_names: tuple[str, ...]
    """Names of the values that `step` returns."""
    batch_multiple: int
    """Per-rank batch size must be a multiple of this."""

    def __init__(
        self,
        model: ModelConfig,
        train: TrainConfig,
        image_shape: ImageShape,
        device: torch.device | str = "cpu",
        *,
        num_classes: int = 0,
        context: DistributedContext = SINGLE_PROCESS,
        precision: str = "float32",
    ) -> None:
        """num_classes: of the dataset, 0 if it has no labels. precision: float32, or bfloat16 for mixed precision.

        Raises UserError if values cannot be combined.
        """
        self.device = torch.device(device)
        self.context = context
        self.precision = precision
        self.hparams = resolve_hparams(model, train, max(image_shape[1:]))
        self.model_config = resolve_model_config(model, self.hparams)
        check_compatibility(self.model_config, self.hparams, num_classes)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(train.seed)  # on the CPU, so that every device starts from the same weights
            self.generator = build_generator(self.model_config, image_shape, num_classes).to(self.device)
            self.discriminator = build_discriminator(self.model_config, image_shape, num_classes).to(self.device)
        self.ema = EMA(self.generator, train.ema) if train.ema > 0 else None
        if context.world_size > 1 and self.device.type == "cuda":  # PyTorch has no synchronized BatchNorm for CPUs
            nn.SyncBatchNorm.convert_sync_batchnorm(self.generator)
            nn.SyncBatchNorm.convert_sync_batchnorm(self.discriminator)
        self.loss = LOSSES[self.hparams.loss]()
        self.g_params = list(self.generator.parameters())
        self.d_params = list(self.discriminator.parameters())
        adam = partial(torch.optim.Adam, betas=self.hparams.betas, fused=True, capturable=self.device.type == "cuda")
        self.g_optimizer = adam(self.g_params, lr=self.hparams.lr)
        self.d_optimizer = adam(self.d_params, lr=self.hparams.discriminator_lr)

    @abstractmethod
    def step(self, batch: Batch) -> Tensor:
        """Run one iteration on this rank's shard of a batch; return the metrics [len(metric_names)], on the device."""

    @abstractmethod
    def preview_images(self) -> Tensor:
        """Return the images of a frame: the same inputs at every call, [N, C, H, W] in [-1, 1]."""

    @abstractmethod
    def sampling_network(self) -> nn.Module:
        """Return the network that samples are drawn with: the weight average, if there is one."""

    @abstractmethod
    def summary(self) -> str:
        """Return the layers of the networks as text."""

    def forward(self, network: nn.Module, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Run a network on x [B, …] and labels [B]; with precision bfloat16, in autocast. The output is float32."""
        if self.precision == "float32":
            output: Tensor = network(x, labels)
            return output
        with torch.autocast(self.device.type, torch.bfloat16):
            output = network(x, labels)
        return output.float()

    def mean_output(self, logits: Tensor) -> Tensor:
        """Return the mean of logits [B, 1] or, where the loss has them, of the probabilities; a scalar."""
        logits = logits.detach()
        return (logits.sigmoid() if self.hparams.outputs_probabilities else logits).mean()

    def set_lr_scale(self, scale: float) -> None:
        """Multiply the configured learning rates by `scale` from now on."""
        self.g_optimizer.param_groups[0]["lr"] = self.hparams.lr * scale
        self.d_optimizer.param_groups[0]["lr"] = self.hparams.discriminator_lr * scale

    def copy_ema_generator(self) -> nn.Module:
        """Return a copy of the sampling network in eval mode. The training is not affected."""
        return copy.deepcopy(self.sampling_network()).eval()

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks to save by file name, in eval mode."""
        sampling_network = self.sampling_network()
        networks = {"generator": sampling_network, "generator_raw": self.generator, "discriminator": self.discriminator}
        return {name: network.eval() for name, network in networks.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next step depends on."""
        return {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "g_optimizer": self.g_optimizer.state_dict(),
            "d_optimizer": self.d_optimizer.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.g_optimizer.load_state_dict(state["g_optimizer"])
        self.d_optimizer.load_state_dict(state["d_optimizer"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])


class GANTrainer(BaseTrainer):
    """A generator of images from noise, against a discriminator (Goodfellow et al. 2014, algorithm 1)."""

    metric_names: tuple[str, ...] = ("generator_loss", "discriminator_loss", "d_real", "d_fake")

    def __init__(
        self,
        model: ModelConfig,
        train: TrainConfig,
        image_shape: ImageShape,
        device: torch.device | str = "cpu",
        *,
        num_classes: int = 0,
        train_labels: Tensor | None = None,
        context: DistributedContext = SINGLE_PROCESS,
        precision: str = "float32",
    ) -> None:
        """train_labels: labels of the training split [N], for the class frequencies (uniform by default)."""
        super().__init__(
            model, train, image_shape, device, num_classes=num_classes, context=context, precision=precision
        )
        if self.hparams.has_penalty:
            self.metric_names = (*self.metric_names, "penalty")
        self.batch_multiple = batch_multiple(self.discriminator)
        self.num_classes = num_classes if self.model_config.conditional else 0
        self.latent_dim = self.model_config.latent_dim
        self.seed = train.seed
        self.iteration = 0
        self.rng = torch.Generator(self.device).manual_seed(train.seed)
        # Latents with seeds of their own: drawing a frame does not change the noise of the training.
        self.preview_latents = sample_latents(NUM_PREVIEW_IMAGES, self.latent_dim, train.seed + 1).to(self.device)
        self.bn_latents = sample_latents(BN_SAMPLES, self.latent_dim, train.seed + 2).to(self.device)
        self.preview_labels = self._round_robin_labels(NUM_PREVIEW_IMAGES)
        self.bn_labels = self._sample_labels_like(train_labels, BN_SAMPLES, train.seed + 2)

    def step(self, batch: Batch) -> Tensor:
        """Run one iteration; see BaseTrainer.step.

        Both gradients are taken at the current weights, so the order of the two updates does not matter. The gradient
        of the generator's loss is computed at the fake images and then propagated through the generator: the
        discriminator runs once per image. Of several discriminator steps, the last one also updates the generator.
        """
        labels = batch.labels if self.num_classes else None
        weight = len(batch.images) / batch.global_size  # of this rank's mean in the batch's; 1 for one process
        update_generator = (self.iteration + 1) % self.hparams.discriminator_steps == 0
        penalize = self.hparams.has_penalty and self.iteration % self.hparams.penalty_every == 0

        # All ranks draw the latents of the whole batch, so the noise does not depend on their number.
        z = self.context.shard(torch.randn(batch.global_size, self.latent_dim, generator=self.rng, device=self.device))
        with self.layer_rng(), torch.set_grad_enabled(update_generator):
            fake_images = self.forward(self.generator, z, labels)
        fake_input = fake_images.detach().requires_grad_()
        real_input = batch.images.detach().requires_grad_(penalize)
        real_logits = self.forward(self.discriminator, real_input, labels)
        fake_logits = self.forward(self.discriminator, fake_input, labels)

        g_loss = weight * self.loss.generator(real_logits.detach(), fake_logits)
        d_loss = weight * self.loss.discriminator(real_logits, fake_logits)
        d_total = d_loss
        if penalize:
            logits = (real_logits, fake_logits)
            penalty = weight * self.penalties(real_input, fake_input, logits, labels, batch.global_size)
            d_total = d_loss + penalty

        if update_generator:  # before the discriminator is updated; d_total.backward() needs the same graph
            (fake_grad,) = torch.autograd.grad(g_loss, fake_input, retain_graph=True)
        self.d_optimizer.zero_grad()
        d_total.backward(inputs=self.d_params)
        self.context.all_reduce_grads(self.d_params)
        self.d_optimizer.step()

        if update_generator:
            self.g_optimizer.zero_grad()
            fake_images.backward(fake_grad)
            self.context.all_reduce_grads(self.g_params)
            self.g_optimizer.step()
            if self.ema is not None:
                self.ema.update()

        self.iteration += 1
        metrics = [g_loss, d_loss, weight * self.mean_output(real_logits), weight * self.mean_output(fake_logits)]
        if self.hparams.has_penalty:
            metrics.append(penalty if penalize else torch.zeros_like(d_loss))
        return self.context.all_reduce(torch.stack(metrics).detach())

    def penalties(
        self,
        real_images: Tensor,
        fake_images: Tensor,
        logits: tuple[Tensor, Tensor],
        labels: Tensor | None,
        global_size: int,
    ) -> Tensor:
        """Return the weighted sum of the gradient penalties, scaled by their interval (lazy regularization).

        Images are [B, C, H, W] and require gradients; logits are theirs. global_size: images in the whole batch.
        """
        hparams = self.hparams
        total = logits[0].new_zeros(())
        if hparams.gradient_penalty:
            discriminator = partial(self.forward, self.discriminator, labels=labels)
            alpha = self.context.shard(torch.rand(global_size, 1, 1, 1, generator=self.rng, device=self.device))
            penalty = wgan_gp_penalty(discriminator, real_images, fake_images, alpha)
            total = total + hparams.gradient_penalty * penalty
        if hparams.r1:
            total = total + hparams.r1 * zero_centered_penalty(real_images, logits[0])
        if hparams.r2:
            total = total + hparams.r2 * zero_centered_penalty(fake_images, logits[1])
        return hparams.penalty_every * total

    @contextmanager
    def layer_rng(self) -> Iterator[None]:
        """Seed PyTorch's global RNG, for generators whose layers draw noise, by seed, iteration and rank.

        Hence a resumed training draws what an uninterrupted one would have drawn.
        """
        if not getattr(self.generator, "draws_noise", False):
            yield
            return
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            seed = np.random.SeedSequence([self.seed, self.iteration, self.context.rank]).generate_state(1)[0]
            torch.manual_seed(int(seed))
            yield

    @torch.no_grad()
    def preview_images(self) -> Tensor:
        network = self.sampling_network(BN_SAMPLES_PREVIEW)
        was_training = network.training
        images: Tensor = network.eval()(self.preview_latents, self.preview_labels)
        network.train(was_training)
        return images

    def sampling_network(self, num_bn_samples: int = BN_SAMPLES) -> nn.Module:
        if self.ema is None:
            return self.generator
        labels = None if self.bn_labels is None else self.bn_labels[:num_bn_samples]
        return self.ema.with_recomputed_bn(self.bn_latents[:num_bn_samples], labels)

    def summary(self) -> str:
        batch_size = -(-64 // self.batch_multiple) * self.batch_multiple
        return summarize_networks(
            self.generator, self.discriminator, self.latent_dim, batch_size, conditional=self.num_classes > 0
        )

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"rng": self.rng.get_state(), "iteration": self.iteration}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.rng.set_state(state["rng"].cpu())
        self.iteration = state["iteration"]

    def _round_robin_labels(self, num_labels: int) -> Tensor | None:
        """Return labels 0, 1, … repeated, or None if the model is not conditional."""
        return torch.arange(num_labels, device=self.device) % self.num_classes if self.num_classes else None

    def _sample_labels_like(self, labels: Tensor | None, num_labels: int, seed: int) -> Tensor | None:
        """Draw labels in the proportions of the training split, or None if the model is not conditional."""
        if labels is None or not self.num_classes:
            return self._round_robin_labels(num_labels)
        rng = torch.Generator().manual_seed(seed)
        indices = torch.randint(len(labels), (num_labels,), generator=rng)
        return labels[indices.to(labels.device)].to(self.device)
