"""Hyperparameters of a training: what `auto` means for each system, and which values cannot be combined."""

from typing import Any, NamedTuple

from gan.config import UserError
from gan.networks.config import ModelConfig
from gan.training.config import TrainConfig


class HParams(NamedTuple):
    """The values that a training uses. The defaults are the tutorial's.

    Those are also DCGAN's (Radford et al. 2016, https://arxiv.org/abs/1511.06434). For LSGAN and hinge they are a
    choice of this project.
    """

    loss: str = "non-saturating"
    lr: float = 2e-4
    discriminator_lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    discriminator_steps: int = 1
    gradient_penalty: float = 0.0
    r1: float = 0.0
    r2: float = 0.0
    penalty_every: int = 1

    @property
    def has_penalty(self) -> bool:
        """Whether the discriminator's loss has a gradient penalty."""
        return self.gradient_penalty > 0 or self.r1 > 0 or self.r2 > 0

    @property
    def outputs_probabilities(self) -> bool:
        """Whether the log's d_real and d_fake are probabilities. With the other losses they are logits."""
        return self.loss in ("non-saturating", "saturating")


PUBLISHED = {
    # Gulrajani et al. 2017, algorithm 1: https://arxiv.org/abs/1704.00028
    "wgan-gp": HParams(
        "wgan-gp", lr=1e-4, discriminator_lr=1e-4, betas=(0.0, 0.9), discriminator_steps=5, gradient_penalty=10.0
    ),
    # R3GAN (Huang et al. 2024) on Stacked MNIST: https://arxiv.org/abs/2501.05441
    "relativistic": HParams("relativistic", betas=(0.0, 0.99), r1=1.0, r2=1.0),
}
"""Values published with a loss, by its name. The others take HParams' defaults."""

# Heusel et al. 2017 and the authors' code: https://arxiv.org/abs/1706.08500
TTUR_LR = 1e-4
TTUR_DISCRIMINATOR_LR = 3e-4
TTUR_BETAS = (0.0, 0.9)

# Karras et al. 2020, `auto` of the authors' code: https://arxiv.org/abs/2006.06676. The weight of R1 is half of
# theirs, because the discriminator's loss here is the mean of its two terms and theirs is the sum.
STYLEGAN_LR = 2.5e-3
STYLEGAN_BETAS = (0.0, 0.99)
STYLEGAN_R1 = 0.0001
STYLEGAN_REG_INTERVAL = 16


def published_defaults(model: ModelConfig, train: TrainConfig, image_side: int) -> HParams:
    """Return the published values for a system that makes images of `image_side` pixels a side."""
    loss = train.loss
    if loss == "auto":
        loss = "lsgan" if model.architecture == "cyclegan" else "non-saturating"
    hparams = PUBLISHED.get(loss, HParams(loss))
    if model.architecture == "stylegan":
        hparams = hparams._replace(lr=STYLEGAN_LR, discriminator_lr=STYLEGAN_LR, betas=STYLEGAN_BETAS)
        if loss not in PUBLISHED:
            r1 = STYLEGAN_R1 * image_side**2 / train.batch_size
            hparams = hparams._replace(r1=r1, penalty_every=STYLEGAN_REG_INTERVAL)
    if train.ttur:
        hparams = hparams._replace(
            lr=TTUR_LR, discriminator_lr=TTUR_DISCRIMINATOR_LR, betas=TTUR_BETAS, discriminator_steps=1
        )
    return hparams


def resolve_hparams(model: ModelConfig, train: TrainConfig, image_side: int) -> HParams:
    """Return the config's values, with the published ones in place of `auto`."""
    values: dict[str, Any] = {name: getattr(train, name) for name in HParams._fields}
    explicit = {name: value for name, value in values.items() if value != "auto"}
    if "lr" in explicit:
        explicit.setdefault("discriminator_lr", explicit["lr"] * (3 if train.ttur else 1))
    if "betas" in explicit:
        explicit["betas"] = tuple(explicit["betas"])
    return published_defaults(model, train, image_side)._replace(**explicit)


def resolve_model_config(model: ModelConfig, hparams: HParams) -> ModelConfig:
    """Return the model's config with a value in place of `auto`."""
    if model.discriminator_norm != "auto":
        return model
    # With BatchNorm a logit depends on the other images of the batch, so R1 and R2 of one image have no meaning.
    norm = "batch" if model.architecture == "dcgan" and not hparams.has_penalty else "none"
    return model.model_copy(update={"discriminator_norm": norm})


def check_compatibility(model: ModelConfig, hparams: HParams, num_classes: int) -> None:
    """Raise UserError if values cannot be combined. num_classes: of the dataset, 0 if it has no labels."""
    if model.architecture == "cyclegan":
        check_cyclegan(model, hparams)
    if model.conditional and num_classes < 2:
        raise UserError(
            "model.conditional: the images have no labels; sort them into one folder per class, or set it to false"
        )
    if model.conditional and model.packing > 1:
        raise UserError(
            "model.packing: images of different classes cannot be packed; set it to 1, or model.conditional to false"
        )
    if (hparams.r1 or hparams.r2) and model.architecture == "dcgan" and model.discriminator_norm == "batch":
        raise UserError(
            "model.discriminator_norm: with BatchNorm an image's logit depends on the rest of the batch, so "
            "train.r1 and train.r2 have no meaning; set it to auto or none"
        )
    batch_dependent = {
        "model.minibatch_discrimination": model.minibatch_discrimination,
        "model.discriminator_norm": model.architecture == "dcgan" and model.discriminator_norm == "batch",
        "model.architecture stylegan": model.architecture == "stylegan",
    }
    enabled = [name for name, is_enabled in batch_dependent.items() if is_enabled]
    if hparams.gradient_penalty and enabled:
        raise UserError(
            f"train.gradient_penalty: it bounds the gradient of each image's logit, and with {enabled[0]} that logit "
            f"depends on the other images of the batch; set it to 0, or change train.loss or {enabled[0]}"
        )


def check_cyclegan(model: ModelConfig, hparams: HParams) -> None:
    """Raise UserError if the config asks for something that CycleGAN does not have."""
    unsupported = {
        "model.conditional": model.conditional,
        "model.minibatch_discrimination": model.minibatch_discrimination,
        "model.packing": model.packing > 1,
        "train.gradient_penalty": hparams.gradient_penalty > 0,
        "train.r1": hparams.r1 > 0,
        "train.r2": hparams.r2 > 0,
        "train.discriminator_steps": hparams.discriminator_steps > 1,
    }
    for name, is_enabled in unsupported.items():
        if is_enabled:
            raise UserError(
                f"{name}: model.architecture cyclegan does not support it; turn it off, or choose another architecture"
            )
