"""The settings of the judge and of the evaluation."""

from typing import Annotated, Literal

from pydantic import Field

from gan.config import StrictConfig

Samples = Annotated[int, Field(ge=100, le=1_000_000)]
Epochs = Annotated[int, Field(ge=1, le=1000)]


class ClassifierConfig(StrictConfig):
    """The network whose features pictures are compared by."""

    epochs: Literal["auto"] | Epochs = Field(
        "auto", description="passes over the training pictures; auto: 80,000 pictures in all, 6 passes at least"
    )
    distortion: Literal["auto", "mild", "strong"] = Field(
        "auto",
        description="how much the training pictures are turned, scaled and moved at random; strong: more, and slanted "
        "and stretched, too, so that other hands can be read; auto: strong for classes beside a data.target, else mild",
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="seed of its weights, order and distortions")

    def settled(self, *, other_hands: bool) -> "ClassifierConfig":
        """The same with a value in the place of `auto`: strong distortion if other hands are to be read."""
        auto = "strong" if other_hands else "mild"
        return self.model_copy(update={"distortion": auto}) if self.distortion == "auto" else self


class EvaluateConfig(StrictConfig):
    """How the trained generator is judged."""

    weights: Literal["ema", "raw"] = Field("ema", description="which generator: the average, or the last iteration's")
    samples: Literal["auto"] | Samples = Field(
        "auto",
        description="pictures that are drawn and judged; auto: 10,000, of stacked digits 26,000; "
        "cyclegan: as many as there are test pictures",
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="seed of the first set of samples")
    repeats: int = Field(3, ge=2, le=100, description="sets of samples; the spread over them says how sure a figure is")
    features: Literal["auto", "classifier", "inception"] = Field(
        "auto",
        description="what pictures are compared by; auto: the classifier's features where the pictures have labels, "
        "else Inception's where its weights can be had",
    )

    def count(self, classes: int) -> int:
        """Pictures to draw: where `auto`, as many as the literature does (26,000: Lin et al. 2018, PacGAN)."""
        return self.samples if self.samples != "auto" else 26_000 if classes >= 1000 else 10_000
