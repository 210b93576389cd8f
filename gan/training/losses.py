"""Losses of the two players, on logits. A loss knows no network and no optimizer."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus


class Slopes(NamedTuple):
    """The losses of generator and discriminator at given logits, [2], and their derivatives by the logits [B, 1]."""

    losses: Tensor
    discriminator_by_real: Tensor
    discriminator_by_fake: Tensor
    generator_by_fake: Tensor


class Loss(Protocol):
    """What the two players minimise, given the discriminator's logits [B, 1]; each returns a scalar."""

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The generator's loss."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The discriminator's loss."""

    def slopes(self, real: Tensor, fake: Tensor) -> Slopes:
        """Both losses and their derivatives, by autograd. Where a step is short, a loss may know them by heart."""
        real, of_discriminator, of_generator = (x.detach().requires_grad_() for x in (real, fake, fake))
        losses = self.generator(real.detach(), of_generator), self.discriminator(real, of_discriminator)
        slopes = torch.autograd.grad(losses[0] + losses[1], (real, of_discriminator, of_generator))
        return Slopes(torch.stack(losses).detach(), *slopes)


class NonSaturating(Loss):
    """The losses of Goodfellow et al. 2014, section 3, with D(x) = sigmoid(logit).

    Discriminator: −½ (E[log D(x)] + E[log(1 − D(G(z)))]). Generator: −E[log D(G(z))], which keeps a gradient
    where the discriminator is sure of itself. −log sigmoid(o) is softplus(−o), −log(1 − sigmoid(o)) is softplus(o).
    """

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-fake).mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return (softplus(-real).mean() + softplus(fake).mean()) / 2

    @torch.no_grad()
    def slopes(self, real: Tensor, fake: Tensor) -> Slopes:
        # −log D of a real and −log(1 − D) of a fake are softplus(±o), whose derivative is ±sigmoid(±o).
        n, other = len(fake), -fake
        signed = torch.cat([other, other, -real, fake])  # as many numbers for one loss as for the other
        of_generator, by_real, by_fake = torch.sigmoid(signed[n:]).split(n)
        losses = softplus(signed).view(2, -1).mean(1)
        return Slopes(losses, by_real.mul_(-0.5 / n), by_fake.mul_(0.5 / n), of_generator.mul_(-1 / n))


class Saturating(Loss):
    """The minimax form: the generator minimises E[log(1 − D(G(z)))], whose gradient vanishes while D wins."""

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -softplus(fake).mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return NonSaturating().discriminator(real, fake)


class LeastSquares(Loss):
    """Mao et al. 2017 (LSGAN, https://arxiv.org/abs/1611.04076), equation 9: targets 1 for real, 0 for fake."""

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return (fake - 1).square().mean() / 2

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return ((real - 1).square().mean() + fake.square().mean()) / 2


class Hinge(Loss):
    """Lim and Ye 2017 (https://arxiv.org/abs/1705.02894): the discriminator stops where it is sure by a margin of 1."""

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -fake.mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return relu(1 - real).mean() + relu(1 + fake).mean()


class Wasserstein(Loss):
    """Arjovsky et al. 2017 (https://arxiv.org/abs/1701.07875): minus the discriminator's loss estimates a distance.

    Only if the discriminator, here called critic, changes by at most 1 a unit of distance: WGAN-GP's penalty.
    """

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -fake.mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()


class RelativisticPairing(Loss):
    """Jolicoeur-Martineau 2018 (https://arxiv.org/abs/1807.00734), as in R3GAN (Huang et al. 2024, equation 2).

    The discriminator is to find each real picture more real than the fake that it is paired with; the generator wants
    the contrary.
    """

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(real - fake).mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(fake - real).mean()


LOSSES: dict[str, type[Loss]] = {
    "non-saturating": NonSaturating,
    "saturating": Saturating,
    "lsgan": LeastSquares,
    "hinge": Hinge,
    "wgan-gp": Wasserstein,
    "relativistic": RelativisticPairing,
}
