"""Configuration of the networks."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gan.config import Float, StrictConfig

Width = Annotated[int, Field(ge=1, le=65536)]


class ModelConfig(StrictConfig):
    """The generator and the discriminator."""

    renamed: ClassVar[dict[str, str]] = {"blocks": "residual_blocks"}

    architecture: Literal["mlp", "dcgan", "stylegan", "cyclegan"] = Field(
        "mlp",
        description="networks; mlp: perceptrons; dcgan: convolutions; stylegan: a small StyleGAN2; "
        "cyclegan: translation between two sets of images",
    )
    latent_dim: int = Field(100, ge=1, le=65536, description="dimension of the noise z from which an image is made")
    conditional: bool = Field(False, description="whether both networks get the class of an image")
    minibatch_discrimination: bool = Field(
        False,
        description="whether the discriminator gets the similarity of an image to the rest of the batch "
        "(Salimans et al. 2016)",
    )
    packing: int = Field(
        1, ge=1, le=16, description="images that the discriminator classifies together (PacGAN, Lin et al. 2018)"
    )
    generator_widths: list[Width] = Field([128, 256, 512, 1024], description="mlp: hidden layers of the generator")
    discriminator_widths: list[Width] = Field([512, 256], description="mlp: hidden layers of the discriminator")
    leaky_slope: Float = Field(0.2, ge=0, le=1, description="slope of LeakyReLU below zero")
    batchnorm_momentum: Float = Field(
        0.8, gt=0, le=1, description="mlp: weight of the newest batch in BatchNorm's running statistics"
    )
    base_channels: int = Field(
        64, ge=4, le=1024, description="all but mlp: channels of the outermost layers; deeper layers have more"
    )
    discriminator_norm: Literal["auto", "batch", "none"] = Field(
        "auto", description="dcgan: BatchNorm in the discriminator; auto: none if the loss has a gradient penalty"
    )
    residual_blocks: int = Field(3, ge=1, le=32, description="cyclegan: residual blocks per generator")
    mapping_layers: int = Field(2, ge=1, le=16, description="stylegan: layers of the mapping network")
