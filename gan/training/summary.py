"""Text summary of networks: layers, output shapes, parameters and sizes."""

import torch
from torch import Tensor, nn
from torchinfo import summary


def network_summary(title: str, network: nn.Module, *inputs: Tensor) -> str:
    """Return a table of the layers with their parameters and sizes, then each layer's output shape for the inputs.

    inputs: a batch, and its labels if the network takes them.
    """
    was_training = network.training
    batch = inputs[0]
    table = summary(
        network,
        input_data=inputs,
        col_names=("input_size", "output_size", "num_params", "mult_adds"),
        col_width=18,
        verbose=0,
        device=batch.device,
        mode="eval",
    )
    network.train(was_training)
    lines = [f"{'batch of ' + str(len(batch)):<24}{list(batch.shape)}"]
    for layer in table.summary_list:
        if layer.is_leaf_layer:
            lines.append(f"{layer.class_name:<24}{list(layer.output_size)}")
    return "\n".join([f"# {title}", "", str(table), "", *lines, ""])


def summarize_networks(
    generator: nn.Module, discriminator: nn.Module, latent_dim: int, batch_size: int = 64, *, conditional: bool = False
) -> str:
    """Return the summaries of both networks for a batch of this size."""
    device = next(generator.parameters()).device
    labels = [torch.zeros(batch_size, dtype=torch.int64, device=device)] if conditional else []
    latents = torch.zeros(batch_size, latent_dim, device=device)
    with torch.no_grad():
        was_training = generator.training
        images = generator.eval()(latents, *labels)
        generator.train(was_training)
    generator_text = network_summary("Generator", generator, latents, *labels)
    return generator_text + "\n" + network_summary("Discriminator", discriminator, images, *labels)
