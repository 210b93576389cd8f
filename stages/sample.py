"""Draw with the trained generator: ten pictures, a large grid, and ways from one picture to another."""

import shutil
from pathlib import Path

from gan.figures.grids import save_png
from gan.figures.samples import sample_figures, style_figures
from gan.figures.settings import SampleSettings
from gan.networks import stylegan
from gan.networks.build import load_network
from gan.runtime import RuntimeSettings, set_threads
from stages import run
from stages.params import section

MODELS = {"ema": "models/generator.safetensors", "raw": "models/generator_raw.safetensors"}
EXTRAS = Path("reports/extras")


def main() -> None:
    settings, runtime = section("sample", SampleSettings), section("runtime", RuntimeSettings)
    set_threads(runtime.threads)
    network, about = load_network(Path(MODELS[settings.weights]), "generator")
    for name, image in sample_figures(network, about, settings, runtime.device).items():
        save_png(image, Path(f"reports/{name}.png"))
    shutil.rmtree(EXTRAS, ignore_errors=True)
    EXTRAS.mkdir()  # what only some systems can show; for the others it stays empty
    if isinstance(network, stylegan.Generator):
        for name, image in style_figures(network, about, settings.seed).items():
            save_png(image, EXTRAS / f"{name}.png")
    print(f"sample: reports/samples.png, grid.png and interpolation.png, from the {settings.weights} weights")


if __name__ == "__main__":
    run(main)
