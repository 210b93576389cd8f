"""Draw with the trained generator: ten pictures, a large grid, and ways from one picture to another."""

from pathlib import Path

from gan.data.prepared import Prepared
from gan.figures.grids import save_png
from gan.figures.samples import sample_figures, style_figures, translation_figures
from gan.figures.settings import SampleSettings
from gan.files import new_folder
from gan.networks import stylegan
from gan.networks.build import load_network
from gan.networks.cyclegan import Translators
from gan.runtime import RuntimeSettings, set_threads
from stages import run
from stages.params import section

MODELS = {"ema": "models/generator.safetensors", "raw": "models/generator_raw.safetensors"}
EXTRAS = Path("reports/extras")
DATA, TARGET = Path("data/prepared.safetensors"), Path("data/target/prepared.safetensors")


def main() -> None:
    settings, runtime = section("sample", SampleSettings), section("runtime", RuntimeSettings)
    set_threads(runtime.threads)
    network, about = load_network(Path(MODELS[settings.weights]), "generator")
    new_folder(EXTRAS, "Figures that only some systems can show.")
    extras = {}
    if isinstance(network, Translators):
        source, target = (Prepared.load(path).test.images for path in (DATA, TARGET))
        figures = translation_figures(network, source, target, settings, runtime.device)
        extras["back"] = figures.pop("back")
    else:
        figures = sample_figures(network, about, settings, runtime.device)
    if isinstance(network, stylegan.Generator):
        extras = style_figures(network, about, settings.seed)
    for folder, images in ((EXTRAS.parent, figures), (EXTRAS, extras)):
        for name, image in images.items():
            save_png(image, folder / f"{name}.png")
    print(f"sample: reports/samples.png, grid.png and interpolation.png, from the {settings.weights} weights")


if __name__ == "__main__":
    run(main)
