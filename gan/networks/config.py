"""The settings of the networks."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from gan.config import Float, StrictConfig

Width = Annotated[int, Field(ge=1, le=65536)]


class ModelConfig(StrictConfig):
    renamed: ClassVar[dict[str, str]] = {"blocks": "residual_blocks"}

    """The networks that play against each other."""

    architecture: Literal["mlp", "dcgan", "stylegan", "cyclegan"] = Field(
        "mlp",
        description="the kind of networks; mlp: perceptrons; dcgan: convolutions; stylegan: a small StyleGAN2; "
        "cyclegan: translation between two sets of pictures",
    )
    latent_dim: int = Field(100, ge=1, le=65536, description="numbers in the noise z that a picture is made from")
    conditional: bool = Field(False, description="whether the networks are told the class of a picture")
    minibatch_discrimination: bool = Field(
        False, description="whether the discriminator sees how alike the pictures of a batch are (Salimans et al. 2016)"
    )
    packing: int = Field(
        1, ge=1, le=16, description="pictures that the discriminator judges as one (PacGAN, Lin et al. 2018)"
    )
    generator_widths: list[Width] = Field([128, 256, 512, 1024], description="mlp: hidden layers of the generator")
    discriminator_widths: list[Width] = Field([512, 256], description="mlp: hidden layers of the discriminator")
    leaky_slope: Float = Field(0.2, ge=0, le=1, description="slope of LeakyReLU below zero")
    batchnorm_momentum: Float = Field(
        0.8, gt=0, le=1, description="mlp: weight of the newest batch in BatchNorm's running statistics"
    )
    base_channels: int = Field(
        64, ge=4, le=1024, description="all but mlp: feature maps of the outer layers; deeper ones have more"
    )
    discriminator_norm: Literal["auto", "batch", "none"] = Field(
        "auto", description="dcgan: BatchNorm in the discriminator; auto: none where the loss has a gradient penalty"
    )
    residual_blocks: int = Field(3, ge=1, le=32, description="cyclegan: residual blocks of a translator")
    mapping_layers: int = Field(2, ge=1, le=16, description="stylegan: layers of the mapping network")
