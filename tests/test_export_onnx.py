"""ONNX models compute the same images as PyTorch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from gan.config import UserError
from gan.export_onnx import export, main
from gan.io import METADATA_KEY
from gan.networks.config import ModelConfig
from gan.networks.factory import build_generator, load_network, save_network

CASES: dict[str, dict[str, Any]] = {
    "mlp": {},
    "conditional": {"conditional": True},
    "dcgan": {"architecture": "dcgan"},
    "dcgan conditional": {"architecture": "dcgan", "conditional": True},
    "stylegan": {"architecture": "stylegan"},
    "cyclegan": {"architecture": "cyclegan", "residual_blocks": 1},
}


def save_generator(directory: Path, case: str) -> Path:
    torch.manual_seed(0)
    config = ModelConfig(latent_dim=6, generator_widths=[16, 16], base_channels=4, **CASES[case])
    generator = build_generator(config, (1, 16, 16), 3)
    path = directory / "generator.safetensors"
    save_network(path, generator, "generator", config, {"shape": [1, 16, 16], "classes": ["a", "b", "c"]})
    return path


@pytest.mark.parametrize("case", CASES)
def test_onnxruntime_computes_the_same_images_for_another_batch_size(case: str, tmp_path: Path) -> None:
    model = save_generator(tmp_path, case)
    out = tmp_path / "generator.onnx"
    assert export(model, out) <= 1e-5
    onnx.checker.check_model(out)
    session = onnxruntime.InferenceSession(out)
    network, metadata = load_network(model, "generator")
    inputs = {"images": torch.rand(5, 1, 16, 16)} if case == "cyclegan" else {"latents": torch.randn(5, 6)}
    if "conditional" in case:
        inputs["labels"] = torch.tensor([0, 2, 1, 1, 0])
    output_name = "translations" if case == "cyclegan" else "images"
    (onnx_out,) = session.run([output_name], {name: value.numpy() for name, value in inputs.items()})
    with torch.inference_mode():
        torch_out = network(*inputs.values()).numpy()
    assert np.abs(torch_out - onnx_out).max() <= 1e-5 and onnx_out.std() > 1e-4
    properties = {entry.key: entry.value for entry in onnx.load(out).metadata_props}
    assert json.loads(properties[METADATA_KEY]) == metadata


def test_reverse_exports_the_other_generator_of_a_cyclegan(tmp_path: Path) -> None:
    model = str(save_generator(tmp_path, "cyclegan"))
    main([model, "--out", str(tmp_path / "forward.onnx")])
    main([model, "--out", str(tmp_path / "reverse.onnx"), "--reverse"])
    inputs = {"images": np.random.default_rng(0).random((2, 1, 16, 16), np.float32)}
    sessions = [onnxruntime.InferenceSession(tmp_path / f"{name}.onnx") for name in ("forward", "reverse")]
    forward, reverse = (session.run(None, inputs)[0] for session in sessions)
    assert np.abs(forward - reverse).max() > 1e-3
    with pytest.raises(UserError, match=r"--reverse needs model\.architecture cyclegan"):
        export(save_generator(tmp_path, "mlp"), tmp_path / "a.onnx", reverse=True)


def test_the_old_option_is_refused_with_the_new_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path / "generator.safetensors"), "--back"])
    assert "error: --back is now called --reverse" in capsys.readouterr().err


def test_a_model_that_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gan.export_onnx.TOLERANCE", -1.0)
    with pytest.raises(SystemExit, match="not written: its images differ"):
        main([str(save_generator(tmp_path, "mlp")), "--out", str(tmp_path / "a.onnx")])
    assert [path.name for path in tmp_path.iterdir()] == ["generator.safetensors"]
