"""The systems that `make compare` trains, and the parameters that make each of them."""

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
    "dcgan": {"model.architecture": "dcgan", "model.base_channels": "32"},
    "dcgan-conditional": {
        "model.architecture": "dcgan",
        "model.base_channels": "32",
        "model.conditional": "true",
    },
    "dcgan-relativistic": {
        "model.architecture": "dcgan",
        "model.base_channels": "32",
        "train.loss": "relativistic",
    },
    "stylegan": {"model.architecture": "stylegan", "model.base_channels": "16"},
}


def switches(parameters: dict[str, str]) -> list[str]:
    """The arguments of `dvc exp run` that set these parameters."""
    return [part for name, value in parameters.items() for part in ("-S", f"{name}={value}")]
