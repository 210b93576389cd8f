"""Generate sample images: ten images, a large grid, interpolations."""

from pathlib import Path

from gan.data.dataset import ImageDataset
from gan.images import save_png
from gan.io import recreate_dir
from gan.networks import stylegan
from gan.networks.cyclegan import CycleGenerators
from gan.networks.factory import load_network
from gan.plots.config import SampleConfig
from gan.plots.samples import sample_plots, stylegan_plots, translation_plots
from gan.runtime import RuntimeConfig, set_num_threads
from stages._common import load_section, run_stage

MODELS = {"ema": Path("models/generator.safetensors"), "raw": Path("models/generator_raw.safetensors")}
SOURCE = Path("data/prepared.safetensors")
TARGET = Path("data/target/prepared.safetensors")
REPORTS = Path("reports")


def main() -> None:
    config = load_section("sample", SampleConfig)
    runtime = load_section("runtime", RuntimeConfig)
    set_num_threads(runtime.threads)
    network, metadata = load_network(MODELS[config.weights], "generator")
    recreate_dir(REPORTS / "extras", "Images that only some architectures have.")
    if isinstance(network, CycleGenerators):
        source = ImageDataset.load(SOURCE).test.images
        target = ImageDataset.load(TARGET).test.images
        plots = translation_plots(network, source, target, config, runtime.device)
        plots["extras/reverse"] = plots.pop("reverse")
    else:
        plots = sample_plots(network, metadata, config, runtime.device)
    if isinstance(network, stylegan.Generator):
        extras = stylegan_plots(network, metadata, config.seed)
        plots |= {f"extras/{name}": image for name, image in extras.items()}
    for name, image in plots.items():
        save_png(image, REPORTS / f"{name}.png")
    print(f"sample: wrote reports/samples.png, grid.png and interpolation.png with the {config.weights} weights")


if __name__ == "__main__":
    run_stage(main)
