"""Generative adversarial networks: data, networks, training, evaluation, plots. Independent of DVC and params.yaml."""
