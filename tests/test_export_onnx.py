"""ONNX models draw what PyTorch draws."""

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
from gan.networks.config import ModelConfig
from gan.networks.factory import answer, build_generator, load_network, save_network

SYSTEMS: dict[str, dict[str, Any]] = {
    "mlp": {},
    "conditional": {"conditional": True},
    "dcgan": {"architecture": "dcgan"},
    "dcgan conditional": {"architecture": "dcgan", "conditional": True},
    "stylegan": {"architecture": "stylegan"},
    "cyclegan": {"architecture": "cyclegan", "blocks": 1},
}


def saved(folder: Path, name: str) -> Path:
    torch.manual_seed(0)
    config = ModelConfig(latent_dim=6, generator_widths=[16, 16], base_channels=4, **SYSTEMS[name])
    generator = build_generator(config, (1, 16, 16), 3)
    path = folder / "generator.safetensors"
    save_network(path, generator, "generator", config, {"shape": [1, 16, 16], "classes": ["a", "b", "c"]})
    return path


@pytest.mark.parametrize("name", SYSTEMS)
def test_onnxruntime_draws_the_same_for_any_batch(name: str, tmp_path: Path) -> None:
    path, out = saved(tmp_path, name), tmp_path / "generator.onnx"
    assert export(path, out) <= 1e-5
    onnx.checker.check_model(out)
    session = onnxruntime.InferenceSession(out)
    network, metadata = load_network(path, "generator")
    first = torch.rand(5, 1, 16, 16) if name == "cyclegan" else torch.randn(5, 6)
    labels = torch.tensor([0, 2, 1, 1, 0]) if "conditional" in name else None
    feed = {given.name: value.numpy() for given, value in zip(session.get_inputs(), (first, labels), strict=False)}  # type: ignore[union-attr]
    (theirs,) = session.run(None, feed)
    with torch.inference_mode():
        ours = answer(network, first, labels).numpy()
    assert np.abs(ours - theirs).max() <= 1e-5 and theirs.std() > 1e-4
    properties = {entry.key: entry.value for entry in onnx.load(out).metadata_props}
    assert json.loads(properties["about"]) == metadata


def test_translators_go_back_too_and_others_do_not(tmp_path: Path) -> None:
    path = saved(tmp_path, "cyclegan")
    main([str(path), "--out", str(tmp_path / "there.onnx")])
    main([str(path), "--out", str(tmp_path / "back.onnx"), "--back"])
    given = {"pictures": np.random.default_rng(0).random((2, 1, 16, 16), np.float32)}
    there, back = (onnxruntime.InferenceSession(tmp_path / f"{n}.onnx").run(None, given)[0] for n in ("there", "back"))
    assert np.abs(there - back).max() > 1e-3
    with pytest.raises(UserError, match="--back is for translators"):
        export(saved(tmp_path, "mlp"), tmp_path / "a.onnx", back=True)


def test_what_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gan.export_onnx.TOLERANCE", -1.0)
    with pytest.raises(SystemExit, match="not written: its pictures differ"):
        main([str(saved(tmp_path, "mlp")), "--out", str(tmp_path / "a.onnx")])
    assert [path.name for path in tmp_path.iterdir()] == ["generator.safetensors"]
