"""Write a generator as ONNX, for runtimes that are not PyTorch, and check that it draws the same.

    python -m gan.export_onnx models/generator.safetensors --out generator.onnx

The ONNX model takes `latents` [B, latent_dim] and, of a conditional generator, `labels` [B] (int64), any B; it returns
`pictures` [B, C, H, W] in [-1, 1]. Of translators it takes `pictures` and returns `translations`; --back: those back.
"""

import argparse
import json
import logging
import sys
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from gan.config import UserError
from gan.io import atomic_write
from gan.networks.cyclegan import CycleGenerators
from gan.networks.factory import answer, load_network
from gan.sampling import num_classes_of, round_robin_labels

TOLERANCE = 1e-5  # of a pixel in [-1, 1]
CHECK_BATCH_SIZES = (1, 3, 16)  # batches that both are compared on


def export(model: Path, out: Path, *, back: bool = False) -> float:
    """Write the generator in the file `model` as ONNX; the largest difference from PyTorch on batches of three sizes.

    The facts of the model go along as its metadata, under `about`. Raises UserError if the file is no generator, or if
    what was written does not draw the same to 1e-5.
    """
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise UserError(f"{error.name} is not installed; `make setup` installs it") from None
    network, metadata = load_network(model, "generator")
    if back and not isinstance(network, CycleGenerators):
        raise UserError(f"{model}: makes pictures of noise; --back is for translators (model.architecture cyclegan)")
    inputs = example_inputs(network, metadata, 2)
    chosen = network.back if isinstance(network, CycleGenerators) and back else network
    names = ["pictures"] if isinstance(network, CycleGenerators) else ["latents", "labels"][: len(inputs)]
    made = "translations" if isinstance(network, CycleGenerators) else "pictures"
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings(), atomic_write(out) as temporary:
        warnings.simplefilter("ignore")  # of the exporter about itself
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            chosen.eval(),
            tuple(inputs),
            temporary,
            input_names=names,
            output_names=[made],
            dynamic_shapes=tuple({0: batch} for _ in inputs),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        written = onnx.load(temporary)
        onnx.helper.set_model_props(written, {"about": json.dumps(metadata, sort_keys=True)})
        onnx.save(written, temporary)
        session = onnxruntime.InferenceSession(temporary, providers=["CPUExecutionProvider"])
        worst = 0.0
        for count in CHECK_BATCH_SIZES:
            given = example_inputs(network, metadata, count)
            with torch.inference_mode():
                ours = answer(chosen, given[0], given[1] if len(given) > 1 else None)
            feed = {name: value.numpy() for name, value in zip(names, given, strict=True)}
            (theirs,) = session.run([made], feed)
            worst = max(worst, float((ours - torch.from_numpy(theirs)).abs().max()))
        if worst > TOLERANCE:
            raise UserError(
                f"{out}: not written: its pictures differ from PyTorch's by {worst:.2g}, more than {TOLERANCE}"
            )
    return worst


def example_inputs(network: nn.Module, metadata: dict[str, object], count: int) -> list[Tensor]:
    """Inputs of a batch of `count`."""
    seeded = torch.Generator().manual_seed(count)
    if isinstance(network, CycleGenerators):
        channels, height, width = (int(n) for n in torch.Size(metadata["shape"]))  # type: ignore[arg-type]
        return [torch.rand(count, channels, height, width, generator=seeded) * 2 - 1]
    model = metadata["model"]
    assert isinstance(model, dict)
    latents = torch.randn(count, model["latent_dim"], generator=seeded)
    labels = round_robin_labels(count, num_classes_of(metadata))
    return [latents] if labels is None else [latents, labels]


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m gan.export_onnx", description="Write a generator as ONNX.")
    parser.add_argument("model", type=Path, help="a generator, such as models/generator.safetensors")
    parser.add_argument("--out", type=Path, default=Path("generator.onnx"))
    parser.add_argument("--back", action="store_true", help="of translators: those from the target to the source")
    args = parser.parse_args(arguments)
    if args.out.suffix != ".onnx":
        parser.error(f"--out {args.out}: give a file that ends in .onnx")
    try:
        worst = export(args.model, args.out, back=args.back)
    except (UserError, OSError) as error:
        sys.exit(f"export: {error}")
    print(f"export: {args.out}; its pictures differ from PyTorch's by at most {worst:.1e}")


if __name__ == "__main__":
    main()
