"""What a network looks like from outside: its layers, shapes, parameters and sizes."""

import torch
from torch import Tensor, nn
from torchinfo import summary


def network_summary(title: str, network: nn.Module, *example: Tensor) -> str:
    """A table of the layers with their parameters and sizes, then their shapes for the example: a batch, its labels."""
    training = network.training
    columns = ("input_size", "output_size", "num_params", "mult_adds")
    rows = example[0]
    table = summary(
        network, input_data=example, col_names=columns, col_width=18, verbose=0, device=rows.device, mode="eval"
    )
    network.train(training)
    lines = [f"{'a batch of ' + str(len(rows)):<24}{list(rows.shape)}"]
    lines += [f"{layer.class_name:<24}{list(layer.output_size)}" for layer in table.summary_list if layer.is_leaf_layer]
    return "\n".join([f"# {title}", "", str(table), "", *lines, ""])


def summarize_networks(
    generator: nn.Module, discriminator: nn.Module, latent_dim: int, batch: int = 64, *, conditional: bool = False
) -> str:
    """The summary of both networks for a batch of 64, as text."""
    device = next(generator.parameters()).device
    labels = [torch.zeros(batch, dtype=torch.int64, device=device)] if conditional else []
    latents = torch.zeros(batch, latent_dim, device=device)
    with torch.no_grad():
        was_training = generator.training
        pictures = generator.eval()(latents, *labels)
        generator.train(was_training)
    drawn = network_summary("Generator", generator, latents, *labels)
    return drawn + "\n" + network_summary("Discriminator", discriminator, pictures, *labels)
