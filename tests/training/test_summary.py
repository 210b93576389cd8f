"""The text summary of networks."""

from gan.networks.config import ModelConfig
from gan.networks.factory import build_discriminator, build_generator
from gan.training.summary import summarize_networks

SHAPE = (1, 28, 28)


def test_the_summary_lists_layers_shapes_and_parameter_counts() -> None:
    generator = build_generator(ModelConfig(), SHAPE)
    discriminator = build_discriminator(ModelConfig(), SHAPE)
    text = summarize_networks(generator, discriminator, 100)
    assert "Total params: 1,510,032" in text and "Total params: 533,505" in text
    assert "Params size (MB)" in text
    for line in (
        "batch of 64             [64, 100]",
        "Linear                  [64, 128]",
        "Flatten                 [64, 784]",
    ):
        assert line in text
    assert generator.training and discriminator.training
