"""The settings of a training run."""

from typing import Annotated, Any, Literal

from pydantic import Field

from gan.settings import AS_NUMBER, Number, Settings

Beta = Annotated[float, Field(ge=0, lt=1), AS_NUMBER]


class TrainSettings(Settings):
    """How the two networks are trained."""

    epochs: int = Field(200, ge=1, description="passes over the training pictures")
    batch_size: int = Field(64, ge=2, description="pictures a step; the last batch of an epoch may be smaller")
    loss: Literal["non-saturating", "saturating"] = Field(
        "non-saturating", description="the generator's loss: −E[log D(G(z))], or E[log(1 − D(G(z)))]"
    )
    lr: Number = Field(2e-4, gt=0, le=1, description="Adam's learning rate, of both networks")
    lr_decay: Number = Field(
        0, ge=0, le=1, description="share of the training, at its end, over which the learning rate falls evenly to 0"
    )
    betas: list[Beta] = Field(
        [0.5, 0.999], min_length=2, max_length=2, description="Adam's decay rates of the two moments"
    )
    ema: Number = Field(0.999, ge=0, lt=1, description="decay a step of the generator's average; 0: keep no average")
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
