"""DCGAN and StyleGAN: shapes, first weights, and the mathematics of styles."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import conv2d

from gan.config import UserError
from gan.networks import cyclegan, dcgan, stylegan
from gan.networks.config import ModelConfig
from gan.networks.dcgan import channels_per_level
from gan.networks.factory import build_discriminator, build_generator
from gan.networks.layers import ConditionalBatchNorm2d


@pytest.mark.parametrize("architecture", ["dcgan", "stylegan"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 64, 64), (1, 8, 12), (1, 16, 24)])
@pytest.mark.parametrize(
    "more", [{}, {"conditional": True}, {"packing": 2}, {"minibatch_discrimination": True}], ids=lambda m: str(list(m))
)
def test_any_shape_in_and_out(architecture: Any, shape: tuple[int, int, int], more: dict[str, Any]) -> None:
    config = ModelConfig(architecture=architecture, latent_dim=5, base_channels=4, **more)
    generator, discriminator = build_generator(config, shape, 3), build_discriminator(config, shape, 3)
    labels = [torch.arange(8) % 3] if config.conditional else []
    pictures = generator(torch.randn(8, 5), *labels)
    assert pictures.shape == (8, *shape)
    assert pictures.abs().max() <= 1
    assert discriminator(pictures, *labels).shape == (8 // config.packing, 1)
    for network in (generator, discriminator):
        assert all(parameter.is_contiguous() for parameter in network.parameters())  # as Adam goes through them


@pytest.mark.parametrize(
    ("architecture", "shape"),
    [("stylegan", (1, 30, 28)), ("stylegan", (3, 28, 29)), ("stylegan", (1, 4, 4)), ("dcgan", (1, 7, 28))],
)
def test_shapes_that_are_too_small_or_cannot_be_halved_are_refused(
    architecture: Any, shape: tuple[int, int, int]
) -> None:
    with pytest.raises(UserError, match=rf"model\.architecture {architecture} draws pictures of 8 pixels"):
        build_generator(ModelConfig(architecture=architecture), shape)


def test_sizes_go_up_to_the_pictures_own() -> None:
    assert dcgan.feature_map_sizes(28, 28) == [(4, 4), (7, 7), (14, 14), (28, 28)]
    assert dcgan.feature_map_sizes(30, 17) == [(4, 3), (8, 5), (15, 9), (30, 17)]
    assert stylegan.feature_map_sizes(28, 28) == [(7, 7), (14, 14), (28, 28)]
    for sizes in (dcgan.feature_map_sizes, stylegan.feature_map_sizes):
        assert sizes(64, 64) == [(4, 4), (8, 8), (16, 16), (32, 32), (64, 64)]
    assert dcgan.feature_map_sizes(32, 48)[0] == (4, 6)
    assert channels_per_level(2, 64) == [128, 64] and channels_per_level(6, 8) == [64, 64, 64, 32, 16, 8]


@given(st.integers(8, 40), st.integers(8, 40))
@hypothesis_settings(max_examples=25)
def test_dcgan_draws_any_size_from_8_pixels_on(height: int, width: int) -> None:
    config = ModelConfig(architecture="dcgan", latent_dim=3, base_channels=4)
    pictures = build_generator(config, (1, height, width))(torch.randn(2, 3))
    assert pictures.shape == (2, 1, height, width)
    assert build_discriminator(config, (1, height, width))(pictures).shape == (2, 1)


def test_dcgans_first_weights_and_norms_are_the_papers() -> None:
    torch.manual_seed(0)
    config = ModelConfig(architecture="dcgan", discriminator_norm="batch")
    generator, discriminator = build_generator(config, (3, 64, 64)), build_discriminator(config, (3, 64, 64))
    for module in [*generator.modules(), *discriminator.modules()]:
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.1)
            assert abs(module.weight.mean().item()) < 2e-3
        if isinstance(module, nn.BatchNorm2d):
            assert module.weight.mean().item() == pytest.approx(1, abs=0.02)
    kinds = [type(module) for module in discriminator.modules()]
    first = kinds.index(nn.Conv2d)
    assert kinds[first + 1] is nn.LeakyReLU  # no norm on the first layer
    assert kinds.count(nn.BatchNorm2d) == kinds.count(nn.Conv2d) - 1


@pytest.mark.parametrize(("size", "patch"), [((16, 16), 10), ((28, 28), 10), ((60, 96), 10), ((64, 96), 22)])
def test_a_logit_of_cyclegan_is_of_a_patch(size: tuple[int, int], patch: int) -> None:
    critic = cyclegan.patch_discriminator((1, *size), 4, 0.2)
    local = nn.Sequential(*(layer for layer in critic if not isinstance(layer, nn.InstanceNorm2d)))  # it sees them all
    pictures = torch.randn(1, 1, *size, requires_grad=True)
    logits = local(pictures)
    (gradient,) = torch.autograd.grad(logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2], pictures)
    rows, columns = gradient[0, 0].nonzero().unbind(1)
    assert int(rows.max() - rows.min()) + 1 == int(columns.max() - columns.min()) + 1 == patch


@pytest.mark.parametrize("side", [28, 64])
def test_a_dcgan_without_norm_begins_with_weights_that_keep_the_size_of_what_comes_in(side: int) -> None:
    torch.manual_seed(0)
    config = ModelConfig(architecture="dcgan", discriminator_norm="none", base_channels=32)
    bare = build_discriminator(config, (3, side, side))
    assert isinstance(bare, dcgan.Discriminator)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in bare.modules())
    features = bare.trunk(torch.randn(64, 3, side, side))
    # The borders' zeros take some of it in every layer. With N(0, 0.02) about a hundredth is left.
    assert 0.4 < features.square().mean().sqrt().item() < 1.5


@pytest.mark.parametrize("architecture", ["mlp", "dcgan", "stylegan"])
def test_a_class_changes_what_is_drawn_and_what_is_judged(architecture: Any) -> None:
    config = ModelConfig(architecture=architecture, conditional=True, base_channels=4)
    generator, discriminator = build_generator(config, (1, 28, 28), 4), build_discriminator(config, (1, 28, 28), 4)
    if isinstance(generator, dcgan.Generator):
        for norm in generator.norms:
            assert isinstance(norm, ConditionalBatchNorm2d)
            nn.init.normal_(norm.shift)  # zero at the start
    generator.eval(), discriminator.eval()
    z, (zeros, ones) = torch.randn(4, 100), (torch.full((4,), label) for label in (0, 1))
    pictures = generator(z, zeros)
    assert not torch.allclose(pictures, generator(z, ones), atol=1e-4)
    assert not torch.allclose(discriminator(pictures, zeros), discriminator(pictures, ones), atol=1e-6)


def test_modulation_is_that_of_the_weights() -> None:
    """Equations 1 and 3 of Karras et al. 2020, a picture at a time."""
    layer = stylegan.ModulatedConv2d(3, 5, (6, 6)).double().eval()
    x, style = torch.randn(4, 3, 6, 6, dtype=torch.float64), torch.randn(4, stylegan.W_DIM, dtype=torch.float64)
    found = layer(x, style)
    for i in range(4):
        scales = layer.style(style[i : i + 1])[0]
        weight = layer.weight * layer.scale * scales[None, :, None, None]
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        plain = conv2d(x[i : i + 1], weight, padding=1) + layer.bias
        torch.testing.assert_close(found[i : i + 1], nn.functional.leaky_relu(plain, 0.2) * 2**0.5)


def small() -> stylegan.Generator:
    torch.manual_seed(0)
    return stylegan.Generator((1, 16, 16), 6, 4, 2)


def test_a_latent_is_one_picture_in_eval_mode_and_many_in_training() -> None:
    generator, z = small(), torch.randn(3, 6)
    for conv in generator.convs:
        assert isinstance(conv, stylegan.ModulatedConv2d)
        nn.init.ones_(conv.strength)
    assert not generator.train()(z).equal(generator(z))
    assert generator.eval()(z).equal(generator(z))


def test_truncation_goes_from_the_mean_picture_to_the_style_as_it_is() -> None:
    generator, z = small(), torch.randn(3, 6)
    for _ in range(20):
        generator.train()(torch.randn(64, 6))
    generator.eval()
    none = stylegan.TruncatedGenerator(generator, 0)(z)
    torch.testing.assert_close(none[0], none[1])
    torch.testing.assert_close(stylegan.TruncatedGenerator(generator, 1)(z), generator(z))
    half, mean = generator.truncated(z, 0.5)[:, 0], generator.mean_style
    assert isinstance(mean, torch.Tensor)
    torch.testing.assert_close(half - mean, (generator.mapping(z, None) - mean) / 2)
    assert mean.abs().max() > 0


def test_styles_of_two_pictures_mix_layer_by_layer() -> None:
    generator, z = small().eval(), torch.randn(2, 6)
    styles = generator.truncated(z, 1)
    mixed = torch.cat([styles[:1, :2], styles[1:, 2:]], 1)
    assert not torch.allclose(generator.paint(mixed), generator(z[:1]), atol=1e-4)
    assert not torch.allclose(generator.paint(mixed), generator(z[1:]), atol=1e-4)
    torch.testing.assert_close(generator.paint(torch.cat([styles[:1, :2], styles[:1, 2:]], 1)), generator(z[:1]))


def test_equalized_layers_keep_the_variance_at_the_start() -> None:
    torch.manual_seed(0)
    x = torch.randn(512, 64)
    assert stylegan.EqualizedLinear(64, 256)(x).std().item() == pytest.approx(1, abs=0.05)
    slow = stylegan.EqualizedLinear(64, 256, rate=0.01)
    assert slow(x).std().item() == pytest.approx(1, abs=0.05)
    step = 1e-3  # of Adam, on the stored weight
    moved = ((slow.weight + step) * slow.scale).sub(slow.weight * slow.scale).mean()
    assert moved.item() == pytest.approx(step * 0.01 / 8, rel=1e-2)  # a hundredth of that of rate 1
