"""The tutorial's loop, written as plainly as it can be: the reference for the training engine."""

import torch
from torch import Tensor, nn


def networks() -> tuple[nn.Sequential, nn.Sequential]:
    """The tutorial's generator and discriminator for 28×28 grey pictures."""
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


def steps(
    generator: nn.Module, discriminator: nn.Module, batches: list[Tensor], noise: list[Tensor], saturating: bool
) -> list[tuple[float, float]]:
    """Train on each batch with its noise; the losses of both players, step by step."""
    bce = nn.BCEWithLogitsLoss()
    of_generator = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    of_discriminator = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    losses = []
    for real, z in zip(batches, noise, strict=True):
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)

        of_generator.zero_grad()
        fake = generator(z)
        judged = discriminator(fake)
        generator_loss = -bce(judged, zeros) if saturating else bce(judged, ones)
        generator_loss.backward()
        of_generator.step()

        of_discriminator.zero_grad()
        on_real = bce(discriminator(real), ones)
        on_fake = bce(discriminator(fake.detach()), zeros)
        discriminator_loss = (on_real + on_fake) / 2
        discriminator_loss.backward()
        of_discriminator.step()
        losses.append((generator_loss.item(), discriminator_loss.item()))
    return losses
