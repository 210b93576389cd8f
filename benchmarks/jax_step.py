"""The training step of the default networks under jax.jit, for benchmarks.speed.

It computes what GANTrainer computes by default: the non-saturating loss, Adam for both networks, the moving average of
the generator (here in every step) and BatchNorm's running statistics.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.example_libraries import optimizers
from torch import Tensor, nn

BN_MOMENTUM = 0.8  # weight of the newest batch, as in PyTorch
BN_EPS = 1e-5
EMA_DECAY = 0.999
LATENT_DIM = 100

Array = Any
Tree = Any  # nested lists and dictionaries of arrays
leaky_relu = partial(jax.nn.leaky_relu, negative_slope=0.2)
adam_init, adam_update, adam_params = optimizers.adam(2e-4, b1=0.5, b2=0.999)


class TrainState(NamedTuple):
    """Everything that a step reads and replaces."""

    adam: Tree  # of both networks: adam_params returns the parameters "g" and "d"
    bn_stats: Tree
    ema: Tree
    key: Array
    num_steps: Array


def linear(params: Tree, x: Array) -> Array:
    return x @ params["weight"] + params["bias"]


def batch_norm(params: Tree, stats: Tree, x: Array) -> tuple[Array, Tree]:
    """Normalize by the batch. Returns the new running statistics as well, which take the unbiased variance."""
    batch_stats = {"mean": x.mean(0), "var": x.var(0)}
    unbiased = batch_stats | {"var": batch_stats["var"] * len(x) / (len(x) - 1)}
    new_stats = jax.tree.map(lambda old, new: (1 - BN_MOMENTUM) * old + BN_MOMENTUM * new, stats, unbiased)
    normalized = (x - batch_stats["mean"]) * jax.lax.rsqrt(batch_stats["var"] + BN_EPS)
    return normalized * params["weight"] + params["bias"], new_stats


def generate(params: Tree, bn_stats: Tree, z: Array) -> tuple[Array, Tree]:
    """Latents [B, latent_dim] to images [B, pixels] in [-1, 1], and the new running statistics."""
    first, *hidden, last = params["linear"]
    x = leaky_relu(linear(first, z))
    new_stats = []
    for linear_params, norm_params, stats in zip(hidden, params["norm"], bn_stats, strict=True):
        x, updated_stats = batch_norm(norm_params, stats, linear(linear_params, x))
        x = leaky_relu(x)
        new_stats.append(updated_stats)
    return jnp.tanh(linear(last, x)), new_stats


def discriminate(params: Tree, images: Array) -> Array:
    """Images [B, pixels] to logits [B, 1]."""
    *hidden, last = params
    for layer in hidden:
        images = leaky_relu(linear(layer, images))
    return linear(last, images)


def train_step(state: TrainState, images: Array) -> tuple[TrainState, Array]:
    """One step on images, uint8 [B, pixels]. Returns the metrics: both losses, mean D(x) and mean D(G(z))."""
    key, latent_key = jax.random.split(state.key)
    z = jax.random.normal(latent_key, (len(images), LATENT_DIM))
    real = images.astype(jnp.float32) / 127.5 - 1
    params = adam_params(state.adam)
    fake, generator_vjp, bn_stats = jax.vjp(lambda p: generate(p, state.bn_stats, z), params["g"], has_aux=True)

    def g_loss_fn(fake: Array) -> Array:
        return jax.nn.softplus(-discriminate(params["d"], fake)).mean()

    def d_loss_fn(d_params: Tree) -> tuple[Array, tuple[Array, Array]]:
        real_logits = discriminate(d_params, real)
        fake_logits = discriminate(d_params, fake)
        loss = (jax.nn.softplus(-real_logits).mean() + jax.nn.softplus(fake_logits).mean()) / 2
        return loss, (real_logits, fake_logits)

    g_loss, fake_grad = jax.value_and_grad(g_loss_fn)(fake)
    (d_loss, logits), d_grads = jax.value_and_grad(d_loss_fn, has_aux=True)(params["d"])
    (g_grads,) = generator_vjp(fake_grad)
    adam = adam_update(state.num_steps, {"g": g_grads, "d": d_grads}, state.adam)
    g_params = adam_params(adam)["g"]
    ema = jax.tree.map(lambda average, param: EMA_DECAY * average + (1 - EMA_DECAY) * param, state.ema, g_params)
    metrics = jnp.stack([g_loss, d_loss, *(jax.nn.sigmoid(x).mean() for x in logits)])
    return TrainState(adam, bn_stats, ema, key, state.num_steps + 1), metrics


def initial_state(generator: nn.Module, discriminator: nn.Module) -> TrainState:
    """The state before the first step, with the weights of PyTorch's networks."""
    g_params = {"linear": layer_params(generator, nn.Linear), "norm": layer_params(generator, nn.BatchNorm1d)}
    adam = adam_init({"g": g_params, "d": layer_params(discriminator, nn.Linear)})
    bn_stats = [{"mean": jnp.zeros_like(p["bias"]), "var": jnp.ones_like(p["bias"])} for p in g_params["norm"]]
    ema = jax.tree.map(jnp.copy, g_params)  # the step reuses the memory of its arguments, so no array may occur twice
    return TrainState(adam, bn_stats, ema, jax.random.key(0), num_steps=jnp.zeros((), jnp.float32))


def layer_params(network: nn.Module, layer_type: type[nn.Module]) -> list[dict[str, Array]]:
    """Weights (transposed: [in, out]) and biases of the layers of a type, in order."""
    layers = [layer for layer in network.modules() if isinstance(layer, layer_type)]
    return [{name: jnp.array(param.detach().numpy().T) for name, param in layer.named_parameters()} for layer in layers]


def training_loop(
    generator: nn.Module, discriminator: nn.Module, images: Tensor, batch_size: int, platform: str
) -> Iterator[None]:
    """Train copies of the networks on images, uint8 [N, C, H, W], one iteration per `next`. platform: cpu or cuda."""
    jax.config.update("jax_default_device", jax.devices(platform)[0])
    step = jax.jit(train_step, donate_argnums=0)
    state = initial_state(generator, discriminator)
    data = images.flatten(1).numpy()
    rng = np.random.default_rng(0)
    metrics_sum = jnp.zeros(4)
    while True:
        order = rng.permutation(len(data))
        for start in range(0, len(data) - batch_size + 1, batch_size):
            previous_sum = metrics_sum
            state, metrics = step(state, data[order[start : start + batch_size]])
            metrics_sum = metrics_sum + metrics
            # JAX computes in the background. Waiting for the previous step leaves at most one step to the next turn.
            previous_sum.block_until_ready()
            yield
