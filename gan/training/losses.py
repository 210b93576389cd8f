"""Losses of generator and discriminator, as functions of logits. A loss uses no network and no optimizer."""

from typing import Protocol

from torch import Tensor
from torch.nn.functional import relu, softplus


class Loss(Protocol):
    """What generator and discriminator minimize, given the discriminator's logits [B, 1]. Both return a scalar."""

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the generator's loss. `real` is detached."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the discriminator's loss."""


class NonSaturating(Loss):
    """The losses of Goodfellow et al. 2014, section 3 (https://arxiv.org/abs/1406.2661), with D(x) = sigmoid(logit).

    Discriminator: −½ (E[log D(x)] + E[log(1 − D(G(z)))]). Generator: −E[log D(G(z))], whose gradient does not vanish
    where the discriminator is certain. −log sigmoid(o) is softplus(−o), −log(1 − sigmoid(o)) is softplus(o).
    """

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-fake).mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return (softplus(-real).mean() + softplus(fake).mean()) / 2


class Saturating(NonSaturating):
    """The minimax form: the generator minimizes E[log(1 − D(G(z)))], whose gradient vanishes where D is certain."""

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -softplus(fake).mean()


class LeastSquares(Loss):
    """LSGAN (Mao et al. 2017, equation 9, https://arxiv.org/abs/1611.04076), with targets 1 for real and 0 for fake."""

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return (fake - 1).square().mean() / 2

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return ((real - 1).square().mean() + fake.square().mean()) / 2


class Hinge(Loss):
    """Hinge loss with a margin of 1 (Lim and Ye 2017, https://arxiv.org/abs/1705.02894)."""

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -fake.mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return relu(1 - real).mean() + relu(1 + fake).mean()


class Wasserstein(Loss):
    """Wasserstein loss (Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875).

    Minus the discriminator's loss estimates the distance between real and fake images, provided that the
    discriminator is 1-Lipschitz. The WGAN-GP penalty keeps it close to that.
    """

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -fake.mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()


class RelativisticPairing(Loss):
    """Relativistic pairing loss (Jolicoeur-Martineau 2018; R3GAN, Huang et al. 2024, equation 2).

    The discriminator should rate each real image above the fake image it is paired with; the generator minimizes the
    opposite. https://arxiv.org/abs/1807.00734, https://arxiv.org/abs/2501.05441
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
