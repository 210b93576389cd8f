"""A small dataset in the file format of MNIST, for tests of downloads."""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np


def write_small_mnist(folder: Path) -> dict[str, str]:
    """Write four files with 60 training and 20 test images of noise. Return the SHA-256 of each unpacked file."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    hashes = {}
    for split, num_images in (("train", 60), ("t10k", 20)):
        images = rng.integers(0, 256, (num_images, 28, 28), np.uint8)
        labels = (np.arange(num_images) % 10).astype(np.uint8)
        for stem, magic, array in ((f"{split}-images-idx3", 2051, images), (f"{split}-labels-idx1", 2049, labels)):
            content = struct.pack(f">{1 + array.ndim}I", magic, *array.shape) + array.tobytes()
            (folder / f"{stem}-ubyte.gz").write_bytes(gzip.compress(content))
            hashes[f"{stem}-ubyte.gz"] = hashlib.sha256(content).hexdigest()
    return hashes
