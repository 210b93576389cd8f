"""Generative adversarial networks: data, networks, training and figures. Knows nothing of DVC or params.yaml."""
