"""Export a generator to ONNX, for runtimes other than PyTorch, and check that both compute the same images.

    python -m gan.export_onnx models/generator.safetensors --out generator.onnx

The ONNX model accepts any batch size B. Its input is `latents` [B, latent_dim] and, if the generator is conditional,
`labels` [B] (int64); its output is `images` [B, C, H, W] in [-1, 1]. For a CycleGAN the input is `images` and the
output is `translations`, from the source to the target, or with --reverse from the target to the source.
"""

import argparse
import json
import logging
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gan.config import UserError
from gan.io import METADATA_KEY, atomic_write
from gan.networks.cyclegan import CycleGenerators
from gan.networks.factory import load_network
from gan.sampling import num_classes, round_robin_labels

TOLERANCE = 1e-5  # maximum absolute difference of a pixel in [-1, 1]
CHECK_BATCH_SIZES = (1, 3, 16)


def export(model: Path, out: Path, *, reverse: bool = False) -> float:
    """Write the generator in the file `model` as ONNX; return its maximum absolute error against PyTorch.

    The metadata become a property of the ONNX model, as JSON under METADATA_KEY. reverse: CycleGAN, target to source.
    Raises UserError if the file is not a generator, or if the error exceeds TOLERANCE.
    """
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise UserError(f"{error.name} is not installed; `make setup` installs it") from None
    network, metadata = load_network(model, "generator")
    if isinstance(network, CycleGenerators):
        module: nn.Module = network.g_ba if reverse else network.g_ab
        output_name = "translations"
    elif reverse:
        raise UserError(f"{model}: generates images from noise; --reverse needs model.architecture cyclegan")
    else:
        module = network
        output_name = "images"
    inputs = example_inputs(metadata, batch_size=2)
    with warnings.catch_warnings(), atomic_write(out) as temporary:
        warnings.simplefilter("ignore")  # the exporter warns about its own code
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            temporary,
            input_names=list(inputs),
            output_names=[output_name],
            dynamic_shapes=({0: torch.export.Dim("batch")},) * len(inputs),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        onnx_model = onnx.load(temporary)
        onnx.helper.set_model_props(onnx_model, {METADATA_KEY: json.dumps(metadata, sort_keys=True)})
        onnx.save(onnx_model, temporary)
        session = onnxruntime.InferenceSession(temporary, providers=["CPUExecutionProvider"])
        max_abs_error = 0.0
        for batch_size in CHECK_BATCH_SIZES:
            inputs = example_inputs(metadata, batch_size)
            with torch.inference_mode():
                torch_out = module(*inputs.values())
            (onnx_out,) = session.run([output_name], {name: value.numpy() for name, value in inputs.items()})
            max_abs_error = max(max_abs_error, float((torch_out - torch.from_numpy(onnx_out)).abs().max()))
        if max_abs_error > TOLERANCE:
            raise UserError(
                f"{out}: not written: its images differ from PyTorch's by {max_abs_error:.2g}, more than {TOLERANCE}"
            )
    return max_abs_error


def example_inputs(metadata: Mapping[str, Any], batch_size: int) -> dict[str, Tensor]:
    """Return random inputs of a generator by name, in order: images of a CycleGAN, else latents and perhaps labels."""
    rng = torch.Generator().manual_seed(batch_size)
    if metadata["model"]["architecture"] == "cyclegan":
        return {"images": torch.rand(batch_size, *metadata["shape"], generator=rng) * 2 - 1}
    latents = torch.randn(batch_size, metadata["model"]["latent_dim"], generator=rng)
    labels = round_robin_labels(batch_size, num_classes(metadata))
    return {"latents": latents} if labels is None else {"latents": latents, "labels": labels}


def main(arguments: list[str] | None = None) -> None:
    """Run the command line interface."""
    parser = argparse.ArgumentParser(prog="python -m gan.export_onnx", description="Export a generator to ONNX.")
    parser.add_argument("model", type=Path, help="a generator, such as models/generator.safetensors")
    parser.add_argument("--out", type=Path, default=Path("generator.onnx"))
    parser.add_argument("--reverse", action="store_true", help="CycleGAN: from the target to the source")
    parser.add_argument("--back", action="store_true", help=argparse.SUPPRESS)  # the name in earlier versions
    args = parser.parse_args(arguments)
    if args.back:
        parser.error("--back is now called --reverse")
    if args.out.suffix != ".onnx":
        parser.error(f"--out {args.out}: should end in .onnx")
    try:
        max_abs_error = export(args.model, args.out, reverse=args.reverse)
    except (UserError, OSError) as error:
        sys.exit(f"export_onnx: {error}")
    print(f"export_onnx: {args.out}; its images differ from PyTorch's by at most {max_abs_error:.1e}")


if __name__ == "__main__":
    main()
