"""Draw with the trained generator: ten pictures, a large grid, and ways from one picture to another."""

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

MODELS = {"ema": "models/generator.safetensors", "raw": "models/generator_raw.safetensors"}
EXTRAS = Path("reports/extras")
DATA, TARGET = Path("data/prepared.safetensors"), Path("data/target/prepared.safetensors")


def main() -> None:
    config, runtime = load_section("sample", SampleConfig), load_section("runtime", RuntimeConfig)
    set_num_threads(runtime.threads)
    network, metadata = load_network(Path(MODELS[config.weights]), "generator")
    recreate_dir(EXTRAS, "Figures that only some systems can show.")
    extras = {}
    if isinstance(network, CycleGenerators):
        source, target = (ImageDataset.load(path).test.images for path in (DATA, TARGET))
        figures = translation_plots(network, source, target, config, runtime.device)
        extras["back"] = figures.pop("back")
    else:
        figures = sample_plots(network, metadata, config, runtime.device)
    if isinstance(network, stylegan.Generator):
        extras = stylegan_plots(network, metadata, config.seed)
    for folder, images in ((EXTRAS.parent, figures), (EXTRAS, extras)):
        for name, image in images.items():
            save_png(image, folder / f"{name}.png")
    print(f"sample: reports/samples.png, grid.png and interpolation.png, from the {config.weights} weights")


if __name__ == "__main__":
    run_stage(main)
