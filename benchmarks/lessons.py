"""What each loss asks of the generator: docs/losses.png.

    python -m benchmarks.loss_curves

For each loss, the size of the push that a fake gets, |∂L_G/∂logit|, against what the discriminator says of it.
"""

import io
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
import torch
from PIL import Image

from gan.figures.grids import save_png
from gan.training.losses import LOSSES

OUT = Path("docs/losses.png")


def main() -> None:

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
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.2)
    axes.legend(frameon=False, ncols=2, fontsize=8)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    save_png(Image.open(out), OUT)
    print(f"loss_curves: {OUT}")


if __name__ == "__main__":
    main()
