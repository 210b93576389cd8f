"""Configuration of a training."""

from typing import Annotated, Any, Literal

from pydantic import Field

from gan.config import PARSE_FLOAT, Float, StrictConfig

Beta = Annotated[float, Field(ge=0, lt=1), PARSE_FLOAT]
Betas = Annotated[list[Beta], Field(min_length=2, max_length=2)]
LearningRate = Annotated[float, Field(gt=0, le=1), PARSE_FLOAT]
NonNegative = Annotated[float, Field(ge=0), PARSE_FLOAT]
PositiveInt = Annotated[int, Field(ge=1, le=1000)]
Auto = Literal["auto"]

LossName = Literal["auto", "non-saturating", "saturating", "lsgan", "hinge", "wgan-gp", "relativistic"]


class TrainConfig(StrictConfig):
    """How the networks are trained. `auto` is the published value for the system: gan/training/hparams.py."""

    epochs: int = Field(200, ge=1, description="passes over the training images")
    batch_size: int = Field(64, ge=2, description="images per step; the last batch of an epoch may be smaller")
    loss: LossName = Field("auto", description="loss of both networks; auto: non-saturating, or lsgan for cyclegan")
    lr: Auto | LearningRate = Field("auto", description="learning rate of Adam")
    discriminator_lr: Auto | LearningRate = Field(
        "auto", description="the discriminator's learning rate; auto: `lr`, or three times `lr` with `ttur`"
    )
    ttur: bool = Field(False, description="use the two learning rates of TTUR for `auto` (Heusel et al. 2017)")
    lr_decay: Float = Field(
        0, ge=0, le=1, description="last fraction of the training over which the learning rate falls linearly to 0"
    )
    betas: Auto | Betas = Field("auto", description="decay rates of Adam's two moments")
    discriminator_steps: Auto | PositiveInt = Field("auto", description="discriminator steps per generator step")
    gradient_penalty: Auto | NonNegative = Field(
        "auto", description="weight of the WGAN-GP penalty (not of R1 and R2); 0: none"
    )
    r1: Auto | NonNegative = Field(
        "auto", description="weight γ of the penalty γ/2 E‖∇D‖² on real images (Mescheder et al. 2018); 0: none"
    )
    r2: Auto | NonNegative = Field("auto", description="weight of the same penalty on fake images")
    penalty_every: Auto | PositiveInt = Field(
        "auto", description="the penalties are applied every N iterations, scaled by N (lazy regularization)"
    )
    cycle_weight: NonNegative = Field(10, description="cyclegan: weight of the cycle-consistency loss")
    identity_weight: NonNegative = Field(5, description="cyclegan: weight of the identity loss")
    ema: Float = Field(0.999, ge=0, lt=1, description="decay per step of the generator's weight average; 0: no average")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="seed of the initial weights, the noise and the image order")
    frame_every: int = Field(400, ge=1, description="iterations between two frames of the animation")
    log_every: int = Field(100, ge=1, description="iterations that one row of history.tsv is the mean of")

    def to_metadata(self) -> dict[str, Any]:
        """Return what a model file records of its training: every key that affects the weights."""
        return self.model_dump(exclude={"frame_every", "log_every"})

    def lr_scale(self, progress: float) -> float:
        """Return the factor of the learning rate after a fraction `progress` of the training, in [0, 1]."""
        return min(1.0, (1 - progress) / self.lr_decay) if self.lr_decay else 1.0

    def resume_key(self) -> dict[str, Any]:
        """Return the values that must be equal in two runs for the longer one to continue the shorter one."""
        # With a falling learning rate, every step depends on the number of epochs.
        return self.model_dump(exclude=set() if self.lr_decay else {"epochs"})
