"""The settings of a training run."""

from typing import Annotated, Any, Literal

from pydantic import Field

from gan.config import PARSE_FLOAT, Float, StrictConfig

Beta = Annotated[float, Field(ge=0, lt=1), PARSE_FLOAT]
Betas = Annotated[list[Beta], Field(min_length=2, max_length=2)]
LearningRate = Annotated[float, Field(gt=0, le=1), PARSE_FLOAT]
NonNegative = Annotated[float, Field(ge=0), PARSE_FLOAT]
PositiveInt = Annotated[int, Field(ge=1, le=1000)]
Auto = Literal["auto"]

Loss = Literal["auto", "non-saturating", "saturating", "lsgan", "hinge", "wgan-gp", "relativistic"]


class TrainConfig(StrictConfig):
    """How the networks are trained. `auto` is what the system's authors published: gan/training/hparams.py."""

    epochs: int = Field(200, ge=1, description="passes over the training pictures")
    batch_size: int = Field(64, ge=2, description="pictures a step; the last batch of an epoch may be smaller")
    loss: Loss = Field("auto", description="what the two players minimise; auto: non-saturating, or lsgan for cyclegan")
    lr: Auto | LearningRate = Field("auto", description="Adam's learning rate")
    discriminator_lr: Auto | LearningRate = Field(
        "auto", description="the discriminator's; auto: as `lr`, or three times as much with `ttur`"
    )
    ttur: bool = Field(False, description="whether the `auto` rates are those of two time-scales (Heusel et al. 2017)")
    lr_decay: Float = Field(
        0, ge=0, le=1, description="share of the training, at its end, over which the learning rate falls evenly to 0"
    )
    betas: Auto | Betas = Field("auto", description="Adam's decay rates of the two moments")
    discriminator_steps: Auto | PositiveInt = Field(
        "auto", description="iterations, each a step of the discriminator, to one step of the generator"
    )
    gradient_penalty: Auto | NonNegative = Field("auto", description="weight of WGAN-GP's penalty; 0: none")
    r1: Auto | NonNegative = Field(
        "auto", description="weight γ of the penalty γ/2 E‖∇D‖² on real pictures (Mescheder et al. 2018); 0: none"
    )
    r2: Auto | NonNegative = Field("auto", description="the same on fakes")
    penalty_every: Auto | PositiveInt = Field(
        "auto", description="iterations between two of these penalties, which then weigh as many times as much"
    )
    cycle_weight: NonNegative = Field(10, description="cyclegan: weight of the way there and back")
    identity_weight: NonNegative = Field(
        5, description="cyclegan: weight of leaving alone what is of the other set already"
    )
    ema: Float = Field(0.999, ge=0, lt=1, description="decay a step of the generator's average; 0: keep no average")
    seed: int = Field(
        0, ge=0, le=2**31 - 1, description="seed of the first weights, the noise and the order of the pictures"
    )
    frame_every: int = Field(400, ge=1, description="iterations between two frames of the film")
    log_every: int = Field(100, ge=1, description="iterations that a row of the history is the mean of")

    def facts(self) -> dict[str, Any]:
        """What a model's file says of its training: all but what leaves the weights as they are."""
        return self.model_dump(exclude={"frame_every", "log_every"})

    def rate(self, done: float) -> float:
        """What the learning rate is multiplied by when a share `done` of the training, 0 to 1, is behind."""
        return min(1.0, (1 - done) / self.lr_decay) if self.lr_decay else 1.0

    def identity(self) -> dict[str, Any]:
        """What two runs must have in common for the longer to go on from the shorter."""
        # With a falling learning rate, all of a run depends on how long it is.
        return self.model_dump(exclude=set() if self.lr_decay else {"epochs"})
