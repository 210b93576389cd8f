"""Configuration of the classifier and of the evaluation."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gan.config import StrictConfig


class ClassifierConfig(StrictConfig):
    """The network whose features the evaluation compares images by."""

    renamed: ClassVar[dict[str, str]] = {"distortion": "augmentation"}

    epochs: Literal["auto"] | Annotated[int, Field(ge=1, le=1000)] = Field(
        "auto", description="epochs of training; auto: enough for 80,000 images in total, at least 6"
    )
    augmentation: Literal["auto", "mild", "strong"] = Field(
        "auto",
        description="random rotation, scaling and translation of the training images; strong: larger ones, and shear "
        "and stretch, so that other handwriting is recognized; auto: strong for class labels if data.target is set, "
        "else mild",
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="seed of the weights, the order of images and augmentation")

    def resolve(self, *, cross_domain: bool) -> "ClassifierConfig":
        """Replace `auto` augmentation: strong if the classifier must recognize images of another dataset, else mild."""
        if self.augmentation != "auto":
            return self
        return self.model_copy(update={"augmentation": "strong" if cross_domain else "mild"})


class EvaluateConfig(StrictConfig):
    """How the trained generator is evaluated."""

    weights: Literal["ema", "raw"] = Field(
        "ema", description="generator weights: their moving average, or those of the last iteration"
    )
    samples: Literal["auto"] | Annotated[int, Field(ge=100, le=1_000_000)] = Field(
        "auto",
        description="images per sample set; auto: 10,000, or 26,000 for stacked digits; "
        "cyclegan: always as many as there are test images",
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="seed of the first sample set")
    repeats: int = Field(
        3, ge=2, le=100, description="number of sample sets; metrics are reported with their standard deviation"
    )
    features: Literal["auto", "classifier", "inception"] = Field(
        "auto",
        description="features that images are compared by; auto: the classifier's if the images have labels, "
        "else Inception's if its weights can be downloaded",
    )

    def num_samples(self, num_classes: int) -> int:
        """Images per sample set; `auto` is the literature's number (26,000: Lin et al. 2018, PacGAN)."""
        if self.samples != "auto":
            return self.samples
        return 26_000 if num_classes >= 1000 else 10_000
