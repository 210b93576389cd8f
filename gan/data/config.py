"""The settings of the data: which pictures, and the form they are brought to."""

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
    """Which pictures to learn from."""

    dataset: DatasetName = Field(
        "mnist-5k",
        description="the data set; mnist-5k, stacked-mnist-5k and digits need no network, images is your own folder "
        "data/images/",
    )
    source: str | None = Field(
        None,
        description="a folder or URL that holds the data set's own files (a mirror); null: where its authors put it",
    )
    target: DatasetName | None = Field(
        None, description="cyclegan: the data set to translate to; images is the folder data/target_images/"
    )
    target_source: str | None = Field(None, description="what `source` is, of the target's files")

    def of_target(self) -> "DataConfig | None":
        """The settings of the target as a data set of its own."""
        return None if self.target is None else DataConfig(dataset=self.target, source=self.target_source)


class PrepareConfig(StrictConfig):
    """The form that every picture is brought to."""

    image_size: ImageSide | Annotated[list[ImageSide], Field(min_length=2, max_length=2)] = Field(
        28, description="pixels a side, or [height, width]; pictures are scaled to cover it and cropped to the middle"
    )
    channels: Literal["auto", 1, 3] = Field("auto", description="1: grey, 3: RGB, auto: what the data set has")
    test_fraction: Float = Field(
        0.2, gt=0, lt=1, description="share kept for testing, where the data set has no test split of its own"
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="seed of that split, and of what is stacked")
    target_border: Float = Field(
        0,
        ge=0,
        le=1,
        description="cyclegan: black border around the target's pictures, as a share of their height and width, so "
        "that both sets are framed alike; 0.25 for the target digits beside mnist",
    )

    def shape(self, own_channels: int) -> tuple[int, int, int]:
        """Channels, height, width of the pictures of a data set that has `own_channels`, 1 or 3."""
        channels = own_channels if self.channels == "auto" else self.channels
        if isinstance(self.image_size, int):
            return channels, self.image_size, self.image_size
        return channels, self.image_size[0], self.image_size[1]
