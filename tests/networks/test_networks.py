"""The tutorial's networks, and files that describe themselves."""

from pathlib import Path

import pytest
import torch
from torch import nn

from gan.config import UserError
from gan.io import save_safetensors
from gan.networks.config import ModelConfig
from gan.networks.factory import build_discriminator, build_generator, load_network, save_network
from gan.training.summary import summarize_networks

SHAPE = (1, 28, 28)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameter_counts_and_shapes_of_the_tutorial() -> None:
    generator, discriminator = build_generator(ModelConfig(), SHAPE), build_discriminator(ModelConfig(), SHAPE)
    assert count(generator) == 1_510_032
    assert count(discriminator) == 533_505
    pictures = generator(torch.randn(64, 100))
    assert pictures.shape == (64, 1, 28, 28)
    assert pictures.abs().max() <= 1
    assert discriminator(pictures).shape == (64, 1)


def test_layers_of_the_tutorial_in_order() -> None:
    generator, discriminator = build_generator(ModelConfig(), SHAPE), build_discriminator(ModelConfig(), SHAPE)
    hidden = ["Linear", "BatchNorm1d", "LeakyReLU"]
    names = [type(layer).__name__ for layer in generator.children()]
    assert names == ["Linear", "LeakyReLU", *hidden, *hidden, *hidden, "Linear", "Tanh", "Unflatten"]
    names = [type(layer).__name__ for layer in discriminator.children()]
    assert names == ["Flatten", "Linear", "LeakyReLU", "Linear", "LeakyReLU", "Linear"]
    for layer in generator.modules():
        if isinstance(layer, nn.BatchNorm1d):
            assert (layer.momentum, layer.eps) == (0.8, 1e-5)
        if isinstance(layer, nn.LeakyReLU):
            assert layer.negative_slope == 0.2


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 8, 12)])
def test_other_shapes(shape: tuple[int, int, int]) -> None:
    config = ModelConfig(latent_dim=5, generator_widths=[7], discriminator_widths=[])
    pictures = build_generator(config, shape)(torch.randn(2, 5))
    assert pictures.shape == (2, *shape)
    assert build_discriminator(config, shape)(pictures).shape == (2, 1)


def test_a_size_that_an_mlp_cannot_make_is_refused() -> None:
    with pytest.raises(UserError, match=r"prepare\.image_size: .* up to 128 pixels a side, these have 28×256"):
        build_generator(ModelConfig(), (1, 28, 256))


def test_a_saved_network_needs_nothing_else(tmp_path: Path) -> None:
    config = ModelConfig(latent_dim=3, generator_widths=[4, 5], leaky_slope=0.1)
    generator = build_generator(config, (1, 6, 7))
    generator(torch.randn(8, 3))
    path = tmp_path / "g.safetensors"
    save_network(path, generator, "generator", config, {"shape": (1, 6, 7), "note": "hello"})
    loaded, metadata = load_network(path, "generator")
    latents = torch.randn(4, 3)
    assert loaded(latents).equal(generator.eval()(latents))
    assert metadata["note"] == "hello" and metadata["model"]["latent_dim"] == 3
    again = tmp_path / "again.safetensors"
    save_network(again, loaded, "generator", config, {"shape": (1, 6, 7), "note": "hello"})
    assert again.read_bytes() == path.read_bytes()


def test_files_that_are_no_generator_are_refused(tmp_path: Path) -> None:
    config = ModelConfig(discriminator_widths=[4])
    path = tmp_path / "d.safetensors"
    save_network(path, build_discriminator(config, SHAPE), "discriminator", config, {"shape": SHAPE})
    with pytest.raises(UserError, match="holds a discriminator, not a generator"):
        load_network(path, "generator")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="not a complete safetensors file"):
        load_network(path, "generator")
    path.write_bytes(b"")
    with pytest.raises(UserError, match="not a complete safetensors file"):
        load_network(path, "generator")
    with pytest.raises(UserError, match="no such file"):
        load_network(tmp_path / "none.safetensors", "generator")
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="has no metadata"):
        load_network(path, "generator")
    metadata = {"kind": "generator", "model": ModelConfig(generator_widths=[4]).model_dump(), "shape": SHAPE}
    save_safetensors(path, {"0.weight": torch.zeros(2, 2)}, metadata)
    with pytest.raises(UserError, match="weights do not fit its description"):
        load_network(path, "generator")


def test_the_summary_has_every_layer_its_shape_and_the_counts() -> None:
    generator, discriminator = build_generator(ModelConfig(), SHAPE), build_discriminator(ModelConfig(), SHAPE)
    text = summarize_networks(generator, discriminator, 100)
    assert "Total params: 1,510,032" in text and "Total params: 533,505" in text
    assert "Params size (MB)" in text
    for line in (
        "a batch of 64           [64, 100]",
        "Linear                  [64, 128]",
        "Flatten                 [64, 784]",
    ):
        assert line in text
    assert generator.training and discriminator.training
