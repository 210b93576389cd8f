"""What `auto` means: the published settings of each system; and which systems do not go together."""

from typing import Any, NamedTuple

from gan.config import UserError
from gan.networks.config import ModelConfig
from gan.training.config import TrainConfig


class HParams(NamedTuple):
    """The values that a training uses where the settings say `auto`. The first ones are the tutorial's, which are
    those of DCGAN (Radford et al. 2016) and, for LSGAN and hinge, a choice of this project."""

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
    def probabilities(self) -> bool:
        """Whether what the history calls D's answers are probabilities; with the other losses they are logits."""
        return self.loss in ("non-saturating", "saturating")


# Gulrajani et al. 2017, algorithm 1: https://arxiv.org/abs/1704.00028
WGAN_GP = HParams("wgan-gp", 1e-4, 1e-4, (0.0, 0.9), discriminator_steps=5, gradient_penalty=10.0)
# Huang et al. 2024 (R3GAN), on Stacked MNIST: https://arxiv.org/abs/2501.05441
RELATIVISTIC = HParams("relativistic", 2e-4, 2e-4, (0.0, 0.99), r1=1.0, r2=1.0)
# Heusel et al. 2017: https://arxiv.org/abs/1706.08500, and the authors' code
TTUR_LR, TTUR_DISCRIMINATOR_LR, TTUR_BETAS = 1e-4, 3e-4, (0.0, 0.9)
# Karras et al. 2020: https://arxiv.org/abs/2006.06676, `auto` of the authors' code
# (half their weight of R1: the discriminator's loss here is the mean of two halves, theirs is their sum)
STYLEGAN_LR, STYLEGAN_BETAS, STYLEGAN_R1, STYLEGAN_REG_INTERVAL = 2.5e-3, (0.0, 0.99), 0.0001, 16


def published_defaults(model: ModelConfig, train: TrainConfig, side: int) -> HParams:
    """The published values for a system that makes pictures of `side` pixels a side."""
    loss = {"cyclegan": "lsgan"}.get(model.architecture, "non-saturating") if train.loss == "auto" else train.loss
    recipe = {"wgan-gp": WGAN_GP, "relativistic": RELATIVISTIC}.get(loss, HParams(loss))
    if model.architecture == "stylegan":
        recipe = recipe._replace(lr=STYLEGAN_LR, discriminator_lr=STYLEGAN_LR, betas=STYLEGAN_BETAS)
        if loss not in ("wgan-gp", "relativistic"):
            r1 = STYLEGAN_R1 * side**2 / train.batch_size
            recipe = recipe._replace(r1=r1, penalty_every=STYLEGAN_REG_INTERVAL)
    if not train.ttur:
        return recipe
    rates = recipe._replace(lr=TTUR_LR, discriminator_lr=TTUR_DISCRIMINATOR_LR)
    return rates._replace(betas=TTUR_BETAS, discriminator_steps=1)


def resolve_hparams(model: ModelConfig, train: TrainConfig, side: int) -> HParams:
    """The values to train with: the settings' own, and the published ones where they say `auto`."""
    chosen: dict[str, Any] = {name: getattr(train, name) for name in HParams._fields}
    given = {name: value for name, value in chosen.items() if value != "auto"}
    if "lr" in given:
        given.setdefault("discriminator_lr", given["lr"] * (3 if train.ttur else 1))
    if "betas" in given:
        given["betas"] = tuple(given["betas"])
    return published_defaults(model, train, side)._replace(**given)


def resolve_model_config(model: ModelConfig, recipe: HParams) -> ModelConfig:
    """The model's settings with a value in the place of `auto`."""
    if model.discriminator_norm != "auto":
        return model
    # A penalty on a picture's gradient has no meaning where other pictures have a part in its logit.
    penalised = recipe.gradient_penalty or recipe.r1 or recipe.r2
    norm = "batch" if model.architecture == "dcgan" and not penalised else "none"
    return model.model_copy(update={"discriminator_norm": norm})


def check_cyclegan(model: ModelConfig, recipe: HParams) -> None:
    """Raise UserError where settings ask for what the translation of pictures does not have."""
    without = {
        "model.conditional": model.conditional,
        "model.minibatch_discrimination": model.minibatch_discrimination,
        "model.packing": model.packing > 1,
        "train.gradient_penalty": recipe.gradient_penalty > 0,
        "train.r1": recipe.r1 > 0,
        "train.r2": recipe.r2 > 0,
        "train.discriminator_steps": recipe.discriminator_steps > 1,
    }
    if found := [name for name, there in without.items() if there]:
        raise UserError(
            f"{found[0]}: model.architecture cyclegan has no such thing; turn it off, or take another architecture"
        )


def check_compatibility(model: ModelConfig, recipe: HParams, classes: int) -> None:
    """Raise UserError where parts of a system do not go together. classes: of the data, 0 if it has no labels."""
    if model.conditional and classes < 2:
        raise UserError(
            "model.conditional: the pictures have no labels; sort them into a folder a class, or set it to false"
        )
    if model.conditional and model.packing > 1:
        raise UserError(
            "model.packing: pictures of different classes cannot be packed; set it to 1, or model.conditional to false"
        )
    if (recipe.r1 or recipe.r2) and model.architecture == "dcgan" and model.discriminator_norm == "batch":
        raise UserError(
            "model.discriminator_norm: with BatchNorm a picture's logit depends on the others of its batch, so "
            "train.r1 and train.r2 have no meaning; set it to auto or none"
        )
    mixing = {
        "model.minibatch_discrimination": model.minibatch_discrimination,
        "model.discriminator_norm": model.architecture == "dcgan" and model.discriminator_norm == "batch",
        "model.architecture stylegan": model.architecture == "stylegan",
    }
    if recipe.gradient_penalty and (found := [name for name, there in mixing.items() if there]):
        raise UserError(
            f"train.gradient_penalty: it bounds the gradient of each picture's logit, and with {found[0]} other "
            "pictures of the batch have a part in it; set it to 0, take another train.loss, or turn the other off"
        )
