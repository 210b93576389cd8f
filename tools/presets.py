"""The systems that `make compare` trains, and the parameters that make each of them."""

_SMALL_DCGAN = {"model.architecture": "dcgan", "model.base_channels": "32"}
# What this project found to suit DCGAN better than its authors' settings: many small steps, a discriminator without
# norm held flat by R1, a long average of the weights. README, "Systems", has the figures.
_DCGAN_R1 = {
    **_SMALL_DCGAN,
    "train.batch_size": "32",
    "train.r1": "0.1",
    "train.penalty_every": "4",
    "train.lr": "5e-4",
    "train.betas": "[0, 0.99]",
    "train.ema": "0.9998",
}

SYSTEMS: dict[str, dict[str, str]] = {
    "tutorial": {},
    "saturating": {"train.loss": "saturating"},
    "lsgan": {"train.loss": "lsgan"},
    "hinge": {"train.loss": "hinge"},
    "ttur": {"train.loss": "hinge", "train.ttur": "true"},
    "wgan-gp": {"train.loss": "wgan-gp"},
    "relativistic": {"train.loss": "relativistic"},
    "r1": {"train.r1": "1"},
    "minibatch-discrimination": {"model.minibatch_discrimination": "true"},
    "packing": {"model.packing": "2"},
    "conditional": {"model.conditional": "true"},
    "dcgan": _SMALL_DCGAN,
    "dcgan-conditional": {**_SMALL_DCGAN, "model.conditional": "true"},
    "dcgan-relativistic": {**_SMALL_DCGAN, "train.loss": "relativistic"},
    "dcgan-r1": _DCGAN_R1,
    "dcgan-r1-conditional": {**_DCGAN_R1, "model.conditional": "true"},
    "stylegan": {"model.architecture": "stylegan", "model.base_channels": "16"},
}


def switches(parameters: dict[str, str]) -> list[str]:
    """The arguments of `dvc exp run` that set these parameters."""
    return [part for name, value in parameters.items() for part in ("-S", f"{name}={value}")]
