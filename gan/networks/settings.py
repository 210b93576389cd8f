"""The settings of the networks."""

from typing import Annotated, Literal

from pydantic import Field

from gan.settings import Number, Settings

Width = Annotated[int, Field(ge=1, le=65536)]


class ModelSettings(Settings):
    """The two networks."""

    architecture: Literal["mlp"] = Field("mlp", description="the kind of networks; mlp: multilayer perceptrons")
    latent_dim: int = Field(100, ge=1, le=65536, description="numbers in the noise z that a picture is made from")
    generator_widths: list[Width] = Field([128, 256, 512, 1024], description="hidden layers of the generator")
    discriminator_widths: list[Width] = Field([512, 256], description="hidden layers of the discriminator")
    leaky_slope: Number = Field(0.2, ge=0, le=1, description="slope of LeakyReLU below zero")
    batchnorm_momentum: Number = Field(
        0.8, gt=0, le=1, description="weight of the newest batch in BatchNorm's running statistics"
    )
