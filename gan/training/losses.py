"""Losses of the two players, on logits. A loss knows no network and no optimizer."""

from typing import Protocol

from torch import Tensor
from torch.nn.functional import softplus


class Loss(Protocol):
    """What the two players minimise, given the discriminator's logits [B, 1]; each returns a scalar."""

    def generator(self, fake: Tensor) -> Tensor:
        """The generator's loss."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The discriminator's loss."""


class NonSaturating:
    """The losses of Goodfellow et al. 2014, section 3, with D(x) = sigmoid(logit).

    Discriminator: −½ (E[log D(x)] + E[log(1 − D(G(z)))]). Generator: −E[log D(G(z))], which keeps a gradient
    where the discriminator is sure of itself. −log sigmoid(o) is softplus(−o), −log(1 − sigmoid(o)) is softplus(o).
    """

    def generator(self, fake: Tensor) -> Tensor:
        return softplus(-fake).mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return (softplus(-real).mean() + softplus(fake).mean()) / 2


class Saturating(NonSaturating):
    """The minimax form: the generator minimises E[log(1 − D(G(z)))], whose gradient vanishes while D wins."""

    def generator(self, fake: Tensor) -> Tensor:
        return -softplus(fake).mean()


LOSSES: dict[str, type[Loss]] = {"non-saturating": NonSaturating, "saturating": Saturating}
