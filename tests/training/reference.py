"""The plain reference loop: every noise → image system as the papers define it, with torch.optim.Adam.

It takes networks, hyperparameters and layer noise from the trainer, and nothing of its step. The discriminator is
called again for every use of its output, as in the tutorial.
"""

import copy
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from gan.data.dataset import Batch
from gan.training.trainer import GANTrainer


def tutorial_networks() -> tuple[nn.Sequential, nn.Sequential]:
    """Return the tutorial's generator and discriminator for 28×28 gray images."""
    generator = nn.Sequential(
        nn.Linear(100, 128),
        nn.LeakyReLU(0.2),
        nn.Linear(128, 256),
        nn.BatchNorm1d(256, momentum=0.8),
        nn.LeakyReLU(0.2),
        nn.Linear(256, 512),
        nn.BatchNorm1d(512, momentum=0.8),
        nn.LeakyReLU(0.2),
        nn.Linear(512, 1024),
        nn.BatchNorm1d(1024, momentum=0.8),
        nn.LeakyReLU(0.2),
        nn.Linear(1024, 784),
        nn.Tanh(),
        nn.Unflatten(1, (1, 28, 28)),
    )
    discriminator = nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 512),
        nn.LeakyReLU(0.2),
        nn.Linear(512, 256),
        nn.LeakyReLU(0.2),
        nn.Linear(256, 1),
    )
    return generator, discriminator


def reference_losses(name: str, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return the generator's and the discriminator's loss at logits, from the papers' formulas."""
    log_d = real.sigmoid().log().mean()
    log_not_d = (1 - fake.sigmoid()).log().mean()
    formulas: dict[str, Callable[[], tuple[Tensor, Tensor]]] = {
        "non-saturating": lambda: (-fake.sigmoid().log().mean(), -(log_d + log_not_d) / 2),
        "saturating": lambda: (log_not_d, -(log_d + log_not_d) / 2),
        "lsgan": lambda: (((fake - 1) ** 2).mean() / 2, ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2),
        "hinge": lambda: (-fake.mean(), (1 - real).clamp(min=0).mean() + (1 + fake).clamp(min=0).mean()),
        "wgan-gp": lambda: (-fake.mean(), fake.mean() - real.mean()),
        "relativistic": lambda: (softplus(-(fake - real)).mean(), softplus(-(real - fake)).mean()),
    }
    return formulas[name]()


class ReferenceTrainer:
    """The same training as a GANTrainer's, with the same initial weights and the same noise."""

    def __init__(self, trainer: GANTrainer, seed: int, networks: tuple[nn.Module, nn.Module] | None = None) -> None:
        """trainer: before its first step. seed: its train.seed. networks: by default copies of the trainer's."""
        own_networks = (trainer.generator, trainer.discriminator)
        self.generator, self.discriminator = networks or copy.deepcopy(own_networks)
        self.generator.load_state_dict(trainer.generator.state_dict())
        self.discriminator.load_state_dict(trainer.discriminator.state_dict())
        self.trainer = trainer
        self.hparams = trainer.hparams
        self.iteration = 0
        self.rng = torch.Generator().manual_seed(seed)
        betas = self.hparams.betas
        self.g_optimizer = torch.optim.Adam(self.generator.parameters(), lr=self.hparams.lr, betas=betas)
        self.d_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), lr=self.hparams.discriminator_lr, betas=betas
        )

    def step(self, batch: Batch) -> tuple[float, float, float]:
        """Run one iteration; return the losses of generator and discriminator, and the penalty."""
        hparams = self.hparams
        real = batch.images
        labels = [batch.labels] if self.trainer.model_config.conditional and batch.labels is not None else []
        z = torch.randn(len(real), self.trainer.latent_dim, generator=self.rng)
        update_generator = (self.iteration + 1) % hparams.discriminator_steps == 0

        self.trainer.iteration = self.iteration  # for the noise of layers
        with self.trainer.layer_rng(), nullcontext() if update_generator else torch.no_grad():
            fake = self.generator(z, *labels)
        real_logits = self.discriminator(real, *labels)
        fake_logits = self.discriminator(fake, *labels)
        g_loss, _ = reference_losses(hparams.loss, real_logits, fake_logits)
        if update_generator:
            g_grads = torch.autograd.grad(g_loss, list(self.generator.parameters()))

        fake = fake.detach()
        real_logits = self.discriminator(real, *labels)
        fake_logits = self.discriminator(fake, *labels)
        _, d_loss = reference_losses(hparams.loss, real_logits, fake_logits)
        penalty = torch.zeros(())
        if self.iteration % hparams.penalty_every == 0:
            if hparams.gradient_penalty:
                alpha = torch.rand(len(real), 1, 1, 1, generator=self.rng)
                norms = self.gradient_norms((1 - alpha) * real + alpha * fake, labels)
                penalty = penalty + hparams.gradient_penalty * ((norms - 1) ** 2).mean()
            for gamma, images in ((hparams.r1, real), (hparams.r2, fake)):
                if gamma:
                    penalty = penalty + gamma / 2 * (self.gradient_norms(images, labels) ** 2).mean()
            penalty = hparams.penalty_every * penalty
        total = d_loss + penalty
        self.d_optimizer.zero_grad()
        total.backward()
        self.d_optimizer.step()
        if update_generator:
            for parameter, grad in zip(self.generator.parameters(), g_grads, strict=True):
                parameter.grad = grad
            self.g_optimizer.step()
        self.iteration += 1
        self.trainer.iteration = 0
        return g_loss.item(), d_loss.item(), penalty.item()

    def gradient_norms(self, images: Tensor, labels: list[Tensor]) -> Tensor:
        """Return the norm of each logit's gradient with respect to its images, [B]."""
        x = images.detach().requires_grad_()
        logits = self.discriminator(x, *labels)
        (grad,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
        norms: Tensor = grad.reshape(len(logits), -1).square().sum(1).sqrt()
        return norms
