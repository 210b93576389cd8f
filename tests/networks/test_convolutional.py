"""DCGAN, StyleGAN and CycleGAN: shapes, initial weights, and the equations of the papers."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import conv2d, leaky_relu

from gan.networks import cyclegan, dcgan, stylegan
from gan.networks.config import ModelConfig
from gan.networks.dcgan import channels_per_level
from gan.networks.factory import build_discriminator, build_generator


@pytest.mark.parametrize("architecture", ["dcgan", "stylegan"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 64, 64), (1, 8, 12), (1, 16, 24)])
@pytest.mark.parametrize(
    "kwargs",
    [{}, {"conditional": True}, {"packing": 2}, {"minibatch_discrimination": True}],
    ids=lambda kwargs: str(list(kwargs)),
)
def test_shapes_of_inputs_and_outputs(architecture: Any, shape: tuple[int, int, int], kwargs: dict[str, Any]) -> None:
    config = ModelConfig(architecture=architecture, latent_dim=5, base_channels=4, **kwargs)
    generator = build_generator(config, shape, 3)
    discriminator = build_discriminator(config, shape, 3)
    labels = torch.arange(8) % 3 if config.conditional else None
    images = generator(torch.randn(8, 5), labels)
    assert images.shape == (8, *shape)
    assert images.abs().max() <= 1
    assert discriminator(images, labels).shape == (8 // config.packing, 1)
    for network in (generator, discriminator):
        assert all(parameter.is_contiguous() for parameter in network.parameters())


def test_sizes_of_feature_maps() -> None:
    assert dcgan.feature_map_sizes(28, 28) == [(4, 4), (7, 7), (14, 14), (28, 28)]
    assert dcgan.feature_map_sizes(30, 17) == [(4, 3), (8, 5), (15, 9), (30, 17)]
    assert stylegan.feature_map_sizes(28, 28) == [(7, 7), (14, 14), (28, 28)]
    for feature_map_sizes in (dcgan.feature_map_sizes, stylegan.feature_map_sizes):
        assert feature_map_sizes(64, 64) == [(4, 4), (8, 8), (16, 16), (32, 32), (64, 64)]
    assert dcgan.feature_map_sizes(32, 48)[0] == (4, 6)
    assert channels_per_level(2, 64) == [128, 64] and channels_per_level(6, 8) == [64, 64, 64, 32, 16, 8]


@given(st.integers(8, 40), st.integers(8, 40))
@settings(max_examples=25)
def test_dcgan_supports_all_sizes_from_8_pixels(height: int, width: int) -> None:
    config = ModelConfig(architecture="dcgan", latent_dim=3, base_channels=4)
    images = build_generator(config, (1, height, width))(torch.randn(2, 3))
    assert images.shape == (2, 1, height, width)
    assert build_discriminator(config, (1, height, width))(images).shape == (2, 1)


def test_initial_weights_and_norms_of_dcgan_are_the_papers() -> None:
    torch.manual_seed(0)
    config = ModelConfig(architecture="dcgan", discriminator_norm="batch")
    generator = build_generator(config, (3, 64, 64))
    discriminator = build_discriminator(config, (3, 64, 64))
    for module in [*generator.modules(), *discriminator.modules()]:
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.1)
            assert abs(module.weight.mean().item()) < 2e-3
        if isinstance(module, nn.BatchNorm2d):
            assert module.weight.mean().item() == pytest.approx(1, abs=0.02)
    types = [type(module) for module in discriminator.modules()]
    assert types[types.index(nn.Conv2d) + 1] is nn.LeakyReLU  # no norm after the first convolution
    assert types.count(nn.BatchNorm2d) == types.count(nn.Conv2d) - 1


@pytest.mark.parametrize("side", [28, 64])
def test_a_dcgan_discriminator_without_norm_keeps_the_variance_at_initialization(side: int) -> None:
    torch.manual_seed(0)
    config = ModelConfig(architecture="dcgan", discriminator_norm="none", base_channels=32)
    discriminator = build_discriminator(config, (3, side, side))
    assert isinstance(discriminator, dcgan.Discriminator)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in discriminator.modules())
    features = discriminator.features(torch.randn(64, 3, side, side))
    # Zero padding takes some of it in every layer. With weights from N(0, 0.02), about a hundredth would be left.
    assert 0.4 < features.square().mean().sqrt().item() < 1.5


@pytest.mark.parametrize(("size", "patch_size"), [((16, 16), 10), ((28, 28), 10), ((60, 96), 10), ((64, 96), 22)])
def test_receptive_field_of_a_patch_discriminator(size: tuple[int, int], patch_size: int) -> None:
    discriminator = cyclegan.patch_discriminator((1, *size), 4, 0.2)
    # InstanceNorm sees the whole image.
    without_norm = nn.Sequential(*(layer for layer in discriminator if not isinstance(layer, nn.InstanceNorm2d)))
    images = torch.randn(1, 1, *size, requires_grad=True)
    logits = without_norm(images)
    (grad,) = torch.autograd.grad(logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2], images)
    rows, columns = grad[0, 0].nonzero().unbind(1)
    assert int(rows.max() - rows.min()) + 1 == int(columns.max() - columns.min()) + 1 == patch_size


def test_cyclegan_keeps_the_shape_and_calls_the_networks_of_b() -> None:
    config = ModelConfig(architecture="cyclegan", base_channels=4, residual_blocks=1)
    images = torch.rand(2, 3, 16, 20) * 2 - 1
    generators = build_generator(config, (3, 16, 20))
    discriminators = build_discriminator(config, (3, 16, 20))
    assert isinstance(generators, cyclegan.CycleGenerators)
    assert isinstance(discriminators, cyclegan.CycleDiscriminators)
    assert generators(images).shape == images.shape and generators(images).abs().max() <= 1
    assert generators(images).equal(generators.g_ab(images))
    assert not generators(images).equal(generators.g_ba(images))
    assert discriminators(images).equal(discriminators.d_b(images))
    assert not discriminators(images).equal(discriminators.d_a(images))


def test_modulated_convolution_equals_a_convolution_with_modulated_weights() -> None:
    """Equations 1 and 3 of Karras et al. 2020, one image at a time."""
    layer = stylegan.ModulatedConv2d(3, 5, (6, 6)).double().eval()
    x = torch.randn(4, 3, 6, 6, dtype=torch.float64)
    w = torch.randn(4, stylegan.W_DIM, dtype=torch.float64)
    output = layer(x, w)
    for i in range(4):
        style = layer.affine(w[i : i + 1])[0]
        weight = layer.weight * layer.weight_gain * style[None, :, None, None]
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        expected = conv2d(x[i : i + 1], weight, padding=1) + layer.bias
        torch.testing.assert_close(output[i : i + 1], leaky_relu(expected, 0.2) * 2**0.5)


def small_stylegan() -> stylegan.Generator:
    torch.manual_seed(0)
    return stylegan.Generator(ModelConfig(latent_dim=6, base_channels=4), (1, 16, 16))


def test_stylegan_is_deterministic_in_eval_mode_only() -> None:
    generator = small_stylegan()
    assert generator.draws_noise
    z = torch.randn(3, 6)
    for conv in generator.convs:
        assert isinstance(conv, stylegan.ModulatedConv2d)
        nn.init.ones_(conv.noise_strength)
    assert not generator.train()(z).equal(generator(z))
    assert generator.eval()(z).equal(generator(z))


def test_truncation_interpolates_between_the_average_w_and_that_of_z() -> None:
    generator = small_stylegan()
    z = torch.randn(3, 6)
    for _ in range(20):
        generator.train()(torch.randn(64, 6))
    generator.eval()
    average_images = stylegan.TruncatedGenerator(generator, 0)(z)
    torch.testing.assert_close(average_images[0], average_images[1])
    torch.testing.assert_close(stylegan.TruncatedGenerator(generator, 1)(z), generator(z))
    w_avg = generator.w_avg
    truncated_w = generator.truncate(z, 0.5)[:, 0]
    torch.testing.assert_close(truncated_w - w_avg, (generator.mapping(z, None) - w_avg) / 2)
    assert w_avg.abs().max() > 0


def test_style_mixing_replaces_later_ws_by_those_of_another_image() -> None:
    generator = small_stylegan().train()
    z = torch.randn(256, 6)
    w = generator.mapping(z, None)
    ws = generator._mix_styles(w, z, None)
    is_own = (ws == w[:, None]).all(2)
    is_other = (ws == w.roll(1, 0)[:, None]).all(2)
    assert (is_own ^ is_other).all()
    assert is_own[:, 0].all()  # the first convolution keeps the style
    assert (is_other[:, 1:] >= is_other[:, :-1]).all()  # once changed, the style stays changed
    assert is_other[:, -1].float().mean().item() == pytest.approx(stylegan.STYLE_MIXING_PROB, abs=0.08)


def test_synthesis_takes_one_w_per_convolution() -> None:
    generator = small_stylegan().eval()
    z = torch.randn(2, 6)
    ws = generator.truncate(z, 1)
    assert ws.shape == (2, generator.num_ws, stylegan.W_DIM)
    mixed = torch.cat([ws[:1, :2], ws[1:, 2:]], 1)
    assert not torch.allclose(generator.synthesis(mixed), generator(z[:1]), atol=1e-4)
    assert not torch.allclose(generator.synthesis(mixed), generator(z[1:]), atol=1e-4)
    torch.testing.assert_close(generator.synthesis(ws[:1]), generator(z[:1]))


def test_equalized_layers_keep_the_variance_and_scale_the_learning_rate() -> None:
    torch.manual_seed(0)
    x = torch.randn(512, 64)
    assert stylegan.EqualizedLinear(64, 256)(x).std().item() == pytest.approx(1, abs=0.05)
    slow = stylegan.EqualizedLinear(64, 256, lr_multiplier=0.01)
    assert slow(x).std().item() == pytest.approx(1, abs=0.05)
    step = 1e-3  # of Adam, on the stored weight
    change = ((slow.weight + step) * slow.weight_gain).sub(slow.weight * slow.weight_gain).mean()
    assert change.item() == pytest.approx(step * 0.01 / 8, rel=1e-2)  # without the multiplier: step / √64
