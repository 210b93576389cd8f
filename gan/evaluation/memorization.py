"""Has the generator learnt training pictures by heart?"""

from dataclasses import dataclass
from math import sqrt

from torch import Tensor

from gan.evaluation.metrics import nearest_neighbors


@dataclass(frozen=True)
class Memorization:
    """Nearest neighbours in pixels (Euclidean, pixels in [0, 1]).

    nearest_in_train: share of samples whose nearest real picture, of all training and test pictures, is a training one;
    chance: what that share is for pictures that know no more of one split than of the other.
    excess: 0 at chance, 1 where all are nearest to a training picture: (nearest_in_train − chance) / (1 − chance). Were
    some samples copies and the others independent, it would be the share of copies. It may fall below 0.
    """

    nearest_in_train: float
    chance: float
    error: float  # standard error of the excess
    samples_to_train: float  # median distance of samples to the nearest training picture
    test_to_train: float  # the same of test pictures
    closest: list[tuple[int, int]]  # the ten samples nearest to a training picture, and which one that is

    @property
    def excess(self) -> float:
        return (self.nearest_in_train - self.chance) / (1 - self.chance)


def memorization(samples: Tensor, train: Tensor, test: Tensor, pairs: int = 10) -> Memorization:
    """Compare samples with all training and test pictures, rows of [N, D] in [0, 1]."""
    to_train, which = nearest_neighbors(samples, train)
    to_test, _ = nearest_neighbors(samples, test)
    chance = len(train) / (len(train) + len(test))
    share = (to_train < to_test).double().mean().item()
    order = to_train.argsort(stable=True)[:pairs].tolist()
    return Memorization(
        nearest_in_train=share,
        chance=chance,
        error=sqrt(chance / (1 - chance) / len(samples)),
        samples_to_train=to_train.median().item(),
        test_to_train=nearest_neighbors(test[: len(samples)], train)[0].median().item(),
        closest=[(i, int(which[i])) for i in order],
    )
