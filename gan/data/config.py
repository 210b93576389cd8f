"""Configuration of the data: which images, and their size, channels and split."""

from typing import Annotated, Literal

from pydantic import Field

from gan.config import Float, StrictConfig

ImageSide = Annotated[int, Field(ge=4, le=1024)]

DatasetName = Literal[
    "mnist-5k",
    "mnist",
    "fashion-mnist",
    "kmnist",
    "usps",
    "cifar10",
    "digits",
    "stacked-mnist-5k",
    "stacked-mnist",
    "images",
]


class DataConfig(StrictConfig):
    """The dataset, and the dataset to translate to."""

    dataset: DatasetName = Field(
        "mnist-5k",
        description="the dataset; mnist-5k, stacked-mnist-5k and digits need no network, images is your own folder "
        "data/images/",
    )
    source: str | None = Field(
        None,
        description="folder or mirror URL with the dataset's original files; null: download from its official servers",
    )
    target: DatasetName | None = Field(
        None, description="cyclegan: the dataset to translate to; images is the folder data/target_images/"
    )
    target_source: str | None = Field(None, description="the same as `source`, for the target dataset")

    def target_config(self) -> "DataConfig | None":
        """Return the target dataset's own configuration, or None without a target."""
        return None if self.target is None else DataConfig(dataset=self.target, source=self.target_source)


class PrepareConfig(StrictConfig):
    """Size, channels and split of the prepared images."""

    image_size: ImageSide | Annotated[list[ImageSide], Field(min_length=2, max_length=2)] = Field(
        28, description="pixels per side, or [height, width]; images are scaled to cover it, then center-cropped"
    )
    channels: Literal["auto", 1, 3] = Field("auto", description="1: gray, 3: RGB, auto: the dataset's own")
    test_fraction: Float = Field(
        0.2, gt=0, lt=1, description="fraction of the images for testing, if the dataset has no test split of its own"
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="seed of the split and of the random stacks of digits")
    target_border: Float = Field(
        0,
        ge=0,
        le=1,
        description="cyclegan: black border around each target image, as a fraction of the image's height and width "
        "inside the border, so that objects are equally large in both datasets; 0.25 for target digits with mnist",
    )

    def image_shape(self, native_channels: int) -> tuple[int, int, int]:
        """Channels, height and width of the prepared images of a dataset with `native_channels` (1 or 3)."""
        channels = native_channels if self.channels == "auto" else self.channels
        height, width = [self.image_size] * 2 if isinstance(self.image_size, int) else self.image_size
        return channels, height, width
