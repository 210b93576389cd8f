"""The figures of docs/theory.md.

    python -m benchmarks.lessons [--lessons losses quality modes] [--mnist FOLDER]

losses: for each loss, the size of the push that a fake gets, |∂L_G/∂logit|, against what the discriminator says of it.
quality: the losses of the training that `dvc repro` made, beside the distance of its samples from real pictures.
modes: what the tutorial's networks draw after two epochs of stacked MNIST, alone and with each remedy; trains them.
"""

import argparse
import io
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from PIL import Image

from benchmarks.mnist import add_source, full_mnist, judge_of
from benchmarks.systems import settings_of
from benchmarks.trained import trained
from gan.evaluation.class_coverage import class_coverage, class_frequencies
from gan.evaluation.config import EvaluateConfig
from gan.images import make_grid, save_png
from gan.plots.curves import COLORS, LABELS, read_table
from gan.sampling import generate_images, sample_latents
from gan.training.losses import LOSSES

DOCS, REPORTS = Path("docs"), Path("reports")
REMEDIES = {"tutorial": "alone", "r1": "R1", "minibatch-discrimination": "minibatch discrimination"}
STACKED_EPOCHS = 2


def losses(_mnist: str | None) -> Figure:
    """What each loss asks of the generator."""
    logits = torch.linspace(-8, 8, 401, dtype=torch.float64)[:, None]
    figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
    for name, loss in LOSSES.items():
        real = torch.full_like(logits, 2.0)  # the relativistic loss compares; the others do not look at it
        push = loss().slopes(real, logits).generator_by_fake * len(logits)
        style = "--" if name == "saturating" else "-"
        width = 4 if name == "hinge" else 1.5  # the same as wgan-gp's, which is drawn on it
        axes.plot(logits[:, 0], push.abs()[:, 0], style, label=name, linewidth=width)
    axes.set(xlabel="the discriminator's logit of a fake: left, it is sure that it is fake", ylim=(0, 2))
    axes.set_ylabel("push on the fake")
    axes.legend(frameon=False, ncols=2, fontsize=8)
    return figure


def quality(_mnist: str | None) -> Figure:
    """Losses that say nothing, and a distance that does."""
    history, track = read_table(REPORTS / "history.tsv"), read_table(REPORTS / "quality.tsv")
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained", sharex=True)
    for name in ("generator_loss", "discriminator_loss"):
        left.plot(history["epoch"], history[name], color=COLORS[name], label=LABELS[name], linewidth=1.4)
    left.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    left.legend(frameon=False)
    right.plot(track["epoch"], track["frechet_ratio"], "o-", color="#3a9a5b")
    right.set(xlabel="epoch", ylabel="distance, × that of real pictures", yscale="log")
    return figure


def modes(mnist: str | None) -> Figure:
    """Stacks of three digits, drawn with and without a remedy."""
    prepared = full_mnist(mnist, stacked=True)
    judge = judge_of(full_mnist(mnist), prepared.metadata["stacked"])
    classes = len(prepared.metadata["classes"])
    shares, count = class_frequencies(prepared.train.labels, classes), EvaluateConfig().count(classes)
    figure, panels = plt.subplots(1, len(REMEDIES), figsize=(9, 3.4), layout="constrained")
    for axes, (system, title) in zip(panels, REMEDIES.items(), strict=True):
        model, config = settings_of(system, [f"train.epochs={STACKED_EPOCHS}"])
        game = trained(prepared, config, model)
        pictures = generate_images(game.networks()["generator"], sample_latents(count, game.latent_dim, 0))
        found = judge.extract(torch.from_numpy(pictures)).classes
        assert found is not None
        axes.imshow(make_grid(pictures[:36], 6), interpolation="nearest")
        axes.set_title(f"{title}\n{class_coverage(found, shares).covered:,} of {classes:,} modes", fontsize=10)
        axes.set_axis_off()
    return figure


LESSONS = {lesson.__name__: lesson for lesson in (losses, quality, modes)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lessons", nargs="+", choices=list(LESSONS), default=list(LESSONS))
    add_source(parser)
    args = parser.parse_args()
    for name in args.lessons:
        figure, out = LESSONS[name](args.mnist), io.BytesIO()
        for axes in figure.axes:
            axes.spines[["top", "right"]].set_visible(False)
            if axes.axison:
                axes.grid(alpha=0.2)
        figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
        save_png(Image.open(out), DOCS / f"{name}.png")
        print(f"lessons: {DOCS / name}.png", flush=True)


if __name__ == "__main__":
    main()
