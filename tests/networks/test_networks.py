"""All architectures: their inputs and outputs; the tutorial's networks; saved networks."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from gan.config import UserError
from gan.io import save_safetensors
from gan.networks.config import ModelConfig
from gan.networks.factory import build_discriminator, build_generator, load_network, save_network

SHAPE = (1, 28, 28)


def num_params(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameter_counts_and_shapes_of_the_tutorial() -> None:
    generator = build_generator(ModelConfig(), SHAPE)
    discriminator = build_discriminator(ModelConfig(), SHAPE)
    assert num_params(generator) == 1_510_032
    assert num_params(discriminator) == 533_505
    images = generator(torch.randn(64, 100))
    assert images.shape == (64, 1, 28, 28)
    assert images.abs().max() <= 1
    assert discriminator(images).shape == (64, 1)


def test_layers_of_the_tutorial_in_order() -> None:
    generator = build_generator(ModelConfig(), SHAPE)
    discriminator = build_discriminator(ModelConfig(), SHAPE)
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
def test_mlps_of_other_sizes(shape: tuple[int, int, int]) -> None:
    config = ModelConfig(latent_dim=5, generator_widths=[7], discriminator_widths=[])
    images = build_generator(config, shape)(torch.randn(2, 5))
    assert images.shape == (2, *shape)
    assert build_discriminator(config, shape)(images).shape == (2, 1)


@pytest.mark.parametrize(
    "kwargs",
    [{"conditional": True}, {"packing": 2}, {"minibatch_discrimination": True}],
    ids=lambda kwargs: next(iter(kwargs)),
)
def test_options_of_the_mlp(kwargs: dict[str, Any]) -> None:
    config = ModelConfig(latent_dim=5, generator_widths=[7], discriminator_widths=[6], **kwargs)
    labels = torch.arange(8) % 3 if config.conditional else None
    images = build_generator(config, SHAPE, 3)(torch.randn(8, 5), labels)
    assert images.shape == (8, *SHAPE)
    assert build_discriminator(config, SHAPE, 3)(images, labels).shape == (8 // config.packing, 1)


@pytest.mark.parametrize("architecture", ["mlp", "dcgan", "stylegan", "cyclegan"])
def test_conditional_networks_need_labels_and_others_refuse_them(architecture: Any) -> None:
    x = {"generator": torch.randn(4, 100), "discriminator": torch.randn(4, *SHAPE)}
    if architecture == "cyclegan":
        x["generator"] = x["discriminator"]
    labels = torch.zeros(4, dtype=torch.int64)
    for conditional in (False, True) if architecture != "cyclegan" else (False,):
        config = ModelConfig(architecture=architecture, conditional=conditional, base_channels=4)
        wrong_labels = None if conditional else labels
        with pytest.raises(TypeError, match="conditional: call it with"):
            build_generator(config, SHAPE, 3)(x["generator"], wrong_labels)
        with pytest.raises(TypeError, match="conditional: call it with"):
            build_discriminator(config, SHAPE, 3)(x["discriminator"], wrong_labels)


@pytest.mark.parametrize("architecture", ["mlp", "dcgan", "stylegan"])
def test_the_label_changes_the_image_and_the_logit(architecture: Any) -> None:
    torch.manual_seed(0)
    config = ModelConfig(architecture=architecture, conditional=True, base_channels=4)
    generator = build_generator(config, SHAPE, 4).eval()
    discriminator = build_discriminator(config, SHAPE, 4).eval()
    if architecture == "dcgan":
        for name, parameter in generator.named_parameters():
            if name.endswith("shift"):  # zero at initialization
                nn.init.normal_(parameter)
    z = torch.randn(4, 100)
    zeros = torch.zeros(4, dtype=torch.int64)
    ones = torch.ones(4, dtype=torch.int64)
    images = generator(z, zeros)
    assert not torch.allclose(images, generator(z, ones), atol=1e-4)
    assert not torch.allclose(discriminator(images, zeros), discriminator(images, ones), atol=1e-6)


@pytest.mark.parametrize(
    ("architecture", "shape", "message"),
    [
        ("mlp", (1, 28, 256), r"mlp takes images of at most 128 pixels a side, got 28×256"),
        ("dcgan", (1, 7, 28), r"dcgan takes images of at least 8 pixels a side, got 7×28"),
        ("stylegan", (1, 30, 28), r"stylegan takes images of at least 8 pixels a side, in multiples of 4, got 30×28"),
        ("stylegan", (3, 28, 29), r"stylegan .* got 28×29"),
        ("stylegan", (1, 4, 4), r"stylegan .* got 4×4"),
        ("cyclegan", (3, 12, 16), r"cyclegan takes images of at least 16 pixels a side, in multiples of 4, got 12×16"),
        ("cyclegan", (3, 18, 16), r"cyclegan .* got 18×16"),
    ],
)
def test_unsupported_image_shapes_are_refused(architecture: Any, shape: tuple[int, int, int], message: str) -> None:
    for build in (build_generator, build_discriminator):
        with pytest.raises(UserError, match=r"^prepare\.image_size: model\.architecture " + message):
            build(ModelConfig(architecture=architecture), shape)


def test_a_saved_network_needs_no_other_file(tmp_path: Path) -> None:
    config = ModelConfig(latent_dim=3, generator_widths=[4, 5], leaky_slope=0.1)
    generator = build_generator(config, (1, 6, 7))
    generator(torch.randn(8, 3))
    path = tmp_path / "g.safetensors"
    save_network(path, generator, "generator", config, {"shape": (1, 6, 7), "note": "hello"})
    loaded, metadata = load_network(path, "generator")
    z = torch.randn(4, 3)
    assert loaded(z).equal(generator.eval()(z))
    assert metadata["note"] == "hello" and metadata["model"]["latent_dim"] == 3
    copy = tmp_path / "copy.safetensors"
    save_network(copy, loaded, "generator", config, {"shape": (1, 6, 7), "note": "hello"})
    assert copy.read_bytes() == path.read_bytes()


def test_files_without_a_generator_are_refused(tmp_path: Path) -> None:
    config = ModelConfig(discriminator_widths=[4])
    path = tmp_path / "d.safetensors"
    save_network(path, build_discriminator(config, SHAPE), "discriminator", config, {"shape": SHAPE})
    with pytest.raises(UserError, match="holds a discriminator, not a generator"):
        load_network(path, "generator")
    content = path.read_bytes()
    for truncated in (content[: len(content) // 2], b""):
        path.write_bytes(truncated)
        with pytest.raises(UserError, match="not a complete safetensors file"):
            load_network(path, "generator")
    with pytest.raises(UserError, match="no such file"):
        load_network(tmp_path / "none.safetensors", "generator")
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="has no metadata of this project"):
        load_network(path, "generator")
    save_safetensors(path, {"a": torch.zeros(1)}, {"shape": SHAPE})
    with pytest.raises(UserError, match="holds a dataset, not a generator"):
        load_network(path, "generator")
    metadata = {"role": "generator", "model": ModelConfig(generator_widths=[4]).model_dump(), "shape": SHAPE}
    save_safetensors(path, {"0.weight": torch.zeros(2, 2)}, metadata)
    with pytest.raises(UserError, match="weights do not match the metadata"):
        load_network(path, "generator")
