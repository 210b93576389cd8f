"""Draw the figures of docs/theory.md.

    python -m docs.make_figures [--figures losses quality modes] [--mnist FOLDER]

losses: for each loss, the generator's gradient with respect to a fake image's logit, against the logit. quality: losses
of the last `dvc repro`, next to the distance of its samples from real images. modes: samples of the tutorial's networks
after two epochs of stacked MNIST, without and with methods against mode collapse (trains the networks). Each is saved
as docs/NAME.png.
"""

import argparse
import io
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from PIL import Image

from benchmarks.common import add_mnist_option, full_mnist, mnist_extractor, preset_config, train_or_load
from gan.evaluation.class_coverage import class_coverage, class_frequencies
from gan.evaluation.config import EvaluateConfig
from gan.evaluation.generation import generate_samples
from gan.images import make_grid, save_png
from gan.plots.curves import COLORS, LABELS, read_table
from gan.training.losses import LOSSES

DOCS = Path("docs")
REPORTS = Path("reports")
PANELS = {"tutorial": "alone", "r1": "R1", "minibatch-discrimination": "minibatch discrimination"}
STACKED_EPOCHS = 2


def losses_figure(_mnist: str | None) -> Figure:
    """The generator's gradient of each loss."""
    figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
    for name, loss in LOSSES.items():
        logits = torch.linspace(-8, 8, 401, dtype=torch.float64)[:, None].requires_grad_()
        real = torch.full_like(logits, 2.0)  # only the relativistic loss depends on it
        (grad,) = torch.autograd.grad(loss().generator(real, logits), logits)
        style = "--" if name == "saturating" else "-"
        width = 4 if name == "hinge" else 1.5  # its curve lies below that of wgan-gp
        gradient_per_image = grad.abs() * len(logits)
        axes.plot(logits.detach(), gradient_per_image, style, label=name, linewidth=width)
    axes.set(xlabel="the discriminator's logit of a fake image (left: certain that it is fake)", ylim=(0, 2))
    axes.set_ylabel("gradient")
    axes.legend(frameon=False, ncols=2, fontsize=8)
    return figure


def quality_figure(_mnist: str | None) -> Figure:
    """Losses, which hardly change, next to the distance of the samples, which falls."""
    history = read_table(REPORTS / "history.tsv")
    track = read_table(REPORTS / "quality.tsv")
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained", sharex=True)
    for name in ("generator_loss", "discriminator_loss"):
        left.plot(history["epoch"], history[name], color=COLORS[name], label=LABELS[name], linewidth=1.4)
    left.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    left.legend(frameon=False)
    right.plot(track["epoch"], track["frechet_ratio"], "o-", color="#3a9a5b")
    right.set(xlabel="epoch", ylabel="Fréchet distance ÷ that of real images", yscale="log")
    return figure


def modes_figure(mnist: str | None) -> Figure:
    """Stacks of three digits, generated without and with methods against mode collapse."""
    full_mnist(mnist)  # the extractor is trained on it
    dataset = full_mnist(mnist, stacked=True)
    extractor = mnist_extractor(dataset.metadata["stacked"])
    num_classes = len(dataset.metadata["classes"])
    frequencies = class_frequencies(dataset.train.labels, num_classes)
    figure, panels = plt.subplots(1, len(PANELS), figsize=(9, 3.4), layout="constrained")
    for axes, (preset, title) in zip(panels, PANELS.items(), strict=True):
        folder = train_or_load(dataset, *preset_config(preset, [f"train.epochs={STACKED_EPOCHS}"]))
        path = folder / "generator.safetensors"
        _, samples = generate_samples(path, dataset, EvaluateConfig().num_samples(num_classes), seed=0, device="cpu")
        predictions = extractor.extract(samples.images).predictions
        assert predictions is not None
        num_covered = class_coverage(predictions, frequencies).num_covered
        axes.imshow(make_grid(samples.images[:36].numpy(), 6), interpolation="nearest")
        axes.set_title(f"{title}\n{num_covered:,} of {num_classes:,} modes", fontsize=10)
        axes.set_axis_off()
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG in the style of the docs."""
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        if axes.axison:
            axes.grid(alpha=0.2)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    save_png(Image.open(buffer), path)
    print(f"make_figures: {path}", flush=True)


FIGURES = {"losses": losses_figure, "quality": quality_figure, "modes": modes_figure}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figures", nargs="+", choices=list(FIGURES), default=list(FIGURES))
    add_mnist_option(parser)
    args = parser.parse_args()
    for name in args.figures:
        save_figure(FIGURES[name](args.mnist), DOCS / f"{name}.png")


if __name__ == "__main__":
    main()
