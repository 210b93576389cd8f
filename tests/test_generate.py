"""Images from a saved generator: the command, the function, reproducibility, and interpolation."""

import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gan.config import UserError
from gan.generate import generate, interpolate_path, main
from gan.networks.config import ModelConfig
from gan.networks.factory import build_generator, save_network
from gan.sampling import sample_latents, slerp
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "generator.safetensors"
    config = ModelConfig(latent_dim=10, generator_widths=[16, 16])
    generator = build_generator(config, (1, 6, 5))
    generator(torch.randn(64, 10))
    save_network(path, generator, "generator", config, {"shape": (1, 6, 5)})
    return path


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 200), st.integers(0, 2**40))
def test_a_latent_depends_on_seed_and_index_only(a: int, b: int, latent_dim: int, seed: int) -> None:
    few, many = sorted((a, b))
    assert sample_latents(few, latent_dim, seed).equal(sample_latents(many, latent_dim, seed)[:few])


def test_latents_are_normal_and_seeds_differ() -> None:
    latents = sample_latents(10_000, 20, 0)
    assert abs(latents.mean().item()) < 0.01 and abs(latents.std().item() - 1) < 0.01
    assert not latents[:5].equal(sample_latents(5, 20, 1))


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 100), st.integers(1, 64))
def test_an_image_does_not_depend_on_count_or_batch_size(model: Path, count: int, batch_size: int) -> None:
    expected = generate(model, 100, seed=7)[:count].astype(int)
    images = generate(model, count, seed=7, batch_size=batch_size).astype(int)
    assert images.shape == (count, 1, 6, 5)
    assert np.abs(images - expected).max() <= 1


@given(st.integers(2, 50), st.integers(2, 20), st.integers(0, 1000))
def test_slerp_includes_both_ends_and_stays_between_their_norms(dim: int, steps: int, seed: int) -> None:
    start, end = sample_latents(2, dim, seed)
    path = slerp(start, end, steps)
    assert path.shape == (steps, dim)
    torch.testing.assert_close(path[0], start, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(path[-1], end, atol=1e-4, rtol=1e-4)
    low, high = sorted((start.norm().item(), end.norm().item()))
    assert path.norm(dim=1).min() >= low - 1e-2 and path.norm(dim=1).max() <= high + 1e-2


def test_slerp_of_orthogonal_unit_vectors_stays_on_the_circle() -> None:
    path = slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 3)
    torch.testing.assert_close(path[1], torch.full((2,), 0.5**0.5))


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0])
def test_slerp_of_parallel_and_opposite_vectors_is_finite(factor: float) -> None:
    start = torch.tensor([1.0, 2.0])
    assert slerp(start, start * factor, 5).isfinite().all()


def test_an_interpolation_path_passes_through_all_latents() -> None:
    latents = sample_latents(4, 6, 0)
    path = interpolate_path(latents, 5)
    assert path.shape == (16, 6)
    torch.testing.assert_close(path[::5], latents, atol=1e-4, rtol=1e-4)


def test_the_command_writes_png_npz_and_gif(model: Path, tmp_path: Path) -> None:
    main([str(model), "--count", "7", "--seed", "3", "--out", str(tmp_path / "a.npz")])
    x = np.load(tmp_path / "a.npz")["x"]
    assert x.dtype == np.uint8 and x.shape == (7, 1, 6, 5)
    assert (x == generate(model, 7, 3)).all()
    main([str(model), "--count", "6", "--columns", "3", "--scale", "1", "--out", str(tmp_path / "a.png")])
    assert iio.imread(tmp_path / "a.png").shape == (2 * 8 + 2, 3 * 7 + 2)
    main([str(model), "--count", "3", "--out", str(tmp_path / "a.gif")])
    assert len(iio.imread(tmp_path / "a.gif", index=None)) > 20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gif", "a.npz", "a.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.safetensors"], "none.safetensors: no such file"),
        (["{model}", "--out", "a.bmp"], ".png, .npz or .gif"),
        (["{model}", "--count", "0"], "--count 0: should be 1 or more"),
        (["{model}", "--seed", "-1"], "--seed -1"),
    ],
)
def test_a_wrong_argument_gives_one_line(
    arguments: list[str], message: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([argument.format(model=model) for argument in arguments])
    printed = capsys.readouterr().err + str(caught.value.code)
    assert caught.value.code not in (0, None)
    assert message in printed


def test_the_command_needs_neither_dvc_nor_params_nor_torchvision(model: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from gan.generate import main; "
        f"main([{str(model)!r}, '--out', {str(tmp_path / 'a.png')!r}]); "
        "print(*{'dvc', 'torchvision', 'stages', 'sklearn', 'matplotlib', 'pandas'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == ""
    assert (tmp_path / "a.png").exists()


@pytest.fixture(scope="module")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("conditional") / "generator.safetensors"
    config = ModelConfig(architecture="stylegan", conditional=True, latent_dim=6, base_channels=4)
    generator = build_generator(config, (1, 8, 8), 3)
    save_network(path, generator, "generator", config, {"shape": (1, 8, 8), "classes": ["cat", "dog", "7"]})
    return path


def test_a_label_is_the_name_or_the_number_of_a_class(conditional: Path) -> None:
    dogs = generate(conditional, 4, label="dog")
    assert np.array_equal(dogs, generate(conditional, 4, label=1))
    all_classes = generate(conditional, 6)  # the three classes in turn
    assert np.array_equal(all_classes[[1, 4]], generate(conditional, 6, label="dog")[[1, 4]])
    sevens = generate(conditional, 2, label="7")  # a name takes precedence over a number
    assert np.array_equal(sevens, generate(conditional, 2, label=2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--label", "bird"], "generate: label bird: no such class; choose from: cat, dog, 7"),
        (["--label", "3"], "generate: label 3: no such class"),
        (["--truncation", "1.5"], "--truncation 1.5: should be from 0 to 1"),
    ],
)
def test_an_unsupported_option_gives_one_line(
    conditional: Path, arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([str(conditional), "--out", str(tmp_path / "a.png"), *arguments])
    assert message in f"{caught.value}{capsys.readouterr().err}"
    assert not (tmp_path / "a.png").exists()


def test_labels_and_truncation_need_a_network_that_supports_them(model: Path) -> None:
    with pytest.raises(UserError, match="was not trained with classes"):
        generate(model, 2, label=0)
    with pytest.raises(UserError, match="is not a StyleGAN and has no styles to truncate"):
        generate(model, 2, truncation=0.5)


def test_an_interpolation_of_one_class_and_a_truncated_grid(conditional: Path, tmp_path: Path) -> None:
    gif = tmp_path / "interpolation.gif"
    png = tmp_path / "grid.png"
    main([str(conditional), "--count", "3", "--label", "dog", "--out", str(gif)])
    assert len(iio.imread(gif, index=None)) == 36
    options = ["--count", "4", "--truncation", "0", "--label", "cat", "--scale", "1"]
    main([str(conditional), *options, "--out", str(png)])
    grid = iio.imread(png)
    assert np.array_equal(grid[2:10, 2:10], grid[12:20, 12:20])  # all are the mean image
