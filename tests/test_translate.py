"""Translation of image files with a saved CycleGAN."""

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from PIL import Image

from gan.config import UserError
from gan.data.dataset import to_float
from gan.images import to_uint8
from gan.networks.config import ModelConfig
from gan.networks.cyclegan import CycleGenerators
from gan.networks.factory import build_generator, load_network, save_network
from gan.translate import main, translate


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = ModelConfig(architecture="cyclegan", residual_blocks=1, base_channels=4)
    path = tmp_path / "generator.safetensors"
    save_network(path, build_generator(config, (1, 16, 16)), "generator", config, {"shape": [1, 16, 16]})
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two images of the same stem, one of another, and a file that is not an image."""
    directory = tmp_path / "images"
    directory.mkdir()
    rng = np.random.default_rng(0)
    for name in ("a.png", "a.bmp", "b.png"):
        Image.fromarray(rng.integers(0, 256, (16, 16), np.uint8)).save(directory / name)
    (directory / "notes.txt").write_text("not an image")
    return directory


@pytest.mark.parametrize("reverse", [False, True])
def test_all_images_of_a_directory_are_translated(model: Path, images: Path, tmp_path: Path, reverse: bool) -> None:
    out = tmp_path / "out"
    main([str(model), str(images), "--out", str(out), *(["--reverse"] if reverse else [])])
    assert sorted(path.name for path in out.iterdir()) == ["a.bmp.png", "a.png.png", "b.png"]
    network, _ = load_network(model, "generator")
    assert isinstance(network, CycleGenerators)
    image = torch.from_numpy(iio.imread(images / "b.png"))[None, None]
    with torch.inference_mode():
        expected = to_uint8((network.g_ba if reverse else network.g_ab)(to_float(image)))
    assert np.array_equal(iio.imread(out / "b.png"), expected[0, 0])


def test_a_wrong_input_gives_one_line(model: Path, images: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"notes\.txt: no images found; give an image or a directory of images"):
        translate(model, images / "notes.txt", tmp_path / "out")
    (images / "c.png").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"c\.png: cannot be read: "):
        translate(model, images, tmp_path / "out")
    config = ModelConfig(latent_dim=4, generator_widths=[8])
    save_network(model, build_generator(config, (1, 16, 16)), "generator", config, {"shape": [1, 16, 16]})
    with pytest.raises(UserError, match=r"generates images from noise; use `python -m gan\.generate`"):
        translate(model, images, tmp_path / "out")


def test_the_old_option_is_refused_with_the_new_name(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(model), "images", "--back"])
    assert "error: --back is now called --reverse" in capsys.readouterr().err
