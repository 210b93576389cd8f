"""Explore a generator in a web browser.

    python -m gan.explore models/generator.safetensors [--port 8080]

The page shows the images of a seed, interpolates between two of them, and saves images and latents. It needs NiceGUI,
which `make explore` installs. The server accepts connections from this machine only, unless --host says otherwise.
"""

import argparse
import base64
import io
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gan.config import UserError
from gan.generate import load_generator, make_labels
from gan.images import make_grid
from gan.networks import stylegan
from gan.plots.animation import save_gif
from gan.sampling import generate_images, num_classes, sample_latents, slerp

GRID_SIZE = 36
GRID_COLUMNS = 9
INTERPOLATION_STEPS = 25
MIN_PREVIEW_PX = 168  # minimum height of the large image, in screen pixels
HINTS = {
    0: "Select two images.",
    1: "Select another image to interpolate to.",
    2: "Drag the slider to go from the first image to the second.",
}


@dataclass
class Explorer:
    """State of the page, without the page. selected: up to two indices in the grid, in the order of the clicks."""

    model: Path
    seed: int = 0
    label: str | None = None
    truncation: float = 1.0
    selected: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Load the generator; raises UserError if the file is not one that generates images from noise."""
        self._network, self.metadata = load_generator(self.model, truncation=1.0)
        self.classes: list[str] = list(self.metadata["classes"]) if num_classes(self.metadata) else []
        self.supports_truncation = isinstance(self._network, stylegan.Generator)
        if self.classes:
            self.label = self.classes[0]

    @property
    def latents(self) -> Tensor:
        """Latents of the grid, [GRID_SIZE, latent_dim]."""
        return sample_latents(GRID_SIZE, self.metadata["model"]["latent_dim"], self.seed)

    def images(self) -> NDArray[np.uint8]:
        """Images of the grid, uint8 [GRID_SIZE, C, H, W]."""
        return self._generate(self.latents)

    def toggle_selection(self, index: int) -> None:
        """Select an image of the grid, or deselect it. A third selection replaces the first."""
        if index in self.selected:
            self.selected.remove(index)
        else:
            self.selected = [*self.selected[-1:], index]

    def interpolation_latents(self) -> Tensor:
        """From the first selected image to the second, [INTERPOLATION_STEPS, D]; else [1, D], the selected or first."""
        latents = self.latents
        if len(self.selected) == 2:
            start, end = latents[self.selected]
            return slerp(start, end, INTERPOLATION_STEPS)
        return latents[self.selected or [0]]

    def interpolation_images(self) -> NDArray[np.uint8]:
        """Images of interpolation_latents, uint8 [INTERPOLATION_STEPS or 1, C, H, W]."""
        return self._generate(self.interpolation_latents())

    def png(self, images: NDArray[np.uint8], columns: int) -> bytes:
        """Encode images as a grid in a PNG file."""
        return _png_bytes(make_grid(images, columns, scale=4))

    def gif(self) -> bytes:
        """Encode the interpolation, forward and backward, as a GIF file."""
        images = self.interpolation_images()
        frames = [make_grid(image[None], 1, padding=0, scale=6) for image in [*images, *images[-2:0:-1]]]
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "interpolation.gif")
            save_gif(path, frames, frame_ms=80, last_frame_ms=80)
            return path.read_bytes()

    def npz(self) -> bytes:
        """Encode interpolation_latents, seed, label and truncation as an NPZ file."""
        file = io.BytesIO()
        latents = self.interpolation_latents().numpy()
        np.savez(file, latents=latents, seed=self.seed, label=self.label or "", truncation=self.truncation)
        return file.getvalue()

    def _generate(self, latents: Tensor) -> NDArray[np.uint8]:
        network = self._network
        if isinstance(network, stylegan.Generator):
            network = stylegan.TruncatedGenerator(network, self.truncation)
        return generate_images(network, latents, make_labels(self.metadata, len(latents), self.label))


def to_data_url(image: NDArray[np.uint8]) -> str:
    """Encode an image, uint8 [C, H, W], enlarged by a whole factor to MIN_PREVIEW_PX, as a data URL."""
    scale = max(1, -(-MIN_PREVIEW_PX // image.shape[1]))
    png = _png_bytes(make_grid(image[None], 1, padding=0, scale=scale))
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _png_bytes(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def build_page(explorer: Explorer) -> None:
    """Lay out the page and connect it to the explorer."""
    from nicegui import ui

    state = {"interpolation": explorer.interpolation_images()}

    def refresh_interpolation() -> None:
        state["interpolation"] = explorer.interpolation_images()
        steps = len(state["interpolation"])
        slider.props(f"max={max(steps - 1, 1)}")
        slider.set_enabled(steps > 1)
        slider.set_value(0)
        show_step()
        for i, cell in enumerate(cells):
            cell.classes(remove="ring-4", add="ring-4" if i in explorer.selected else "")
        hint.set_text(HINTS[len(explorer.selected)])

    def refresh_grid() -> None:
        for cell_image, image in zip(cell_images, explorer.images(), strict=True):
            cell_image.set_source(to_data_url(image))
        refresh_interpolation()

    def show_step() -> None:
        step = min(int(slider.value), len(state["interpolation"]) - 1)
        large_image.set_source(to_data_url(state["interpolation"][step]))

    def on_change(name: str, value: Any) -> None:
        if value is not None:
            setattr(explorer, name, value)
            refresh_grid()

    def on_click(index: int) -> None:
        explorer.toggle_selection(index)
        refresh_interpolation()

    def download_interpolation() -> None:
        images = state["interpolation"]
        ui.download(explorer.png(images, columns=len(images)), "interpolation.png")

    _build_controls(explorer, on_change)
    with ui.row().classes("gap-8 items-start"):
        cell_images = []
        cells = []
        with ui.grid(columns=GRID_COLUMNS).classes("gap-2"):
            for i in range(GRID_SIZE):
                with ui.element("button").classes("rounded cursor-pointer ring-amber-600") as cell:
                    cell_images.append(ui.image().classes("w-16 h-16").style("image-rendering: pixelated"))
                cell.props(f'aria-label="image {i + 1}" data-testid=cell-{i}')
                cell.on("click", lambda index=i: on_click(index))
                cells.append(cell)
        with ui.column().classes("gap-3"):
            large_image = ui.image().props("data-testid=large").classes("w-64 h-64").style("image-rendering: pixelated")
            hint = ui.label().props("data-testid=hint")
            slider = ui.slider(min=0, max=INTERPOLATION_STEPS - 1, value=0, on_change=show_step)
            slider.props("data-testid=slider")
            with ui.row():
                ui.button("PNG", on_click=download_interpolation)
                ui.button("GIF", on_click=lambda: ui.download(explorer.gif(), "interpolation.gif"))
                ui.button("latents", on_click=lambda: ui.download(explorer.npz(), "interpolation.npz"))
                ui.button(
                    "grid", on_click=lambda: ui.download(explorer.png(explorer.images(), GRID_COLUMNS), "grid.png")
                )
    refresh_grid()


def _build_controls(explorer: Explorer, on_change: Callable[[str, Any], None]) -> None:
    """Add the inputs for seed, class and truncation, which call `on_change(name, value)`."""
    from nicegui import ui

    ui.label(f"{explorer.metadata['model']['architecture']}: {explorer.model.name}").classes("text-2xl font-semibold")
    with ui.row().classes("items-end gap-6"):
        seed = ui.number("seed", value=0, min=0, max=2**32 - 1, precision=0).props("data-testid=seed")
        seed.on_value_change(lambda event: on_change("seed", None if event.value is None else int(event.value)))
        if explorer.classes:
            label = ui.select(explorer.classes, value=explorer.label, label="class").props("data-testid=label")
            label.on_value_change(lambda event: on_change("label", event.value))
        if explorer.supports_truncation:
            with ui.column().classes("w-48 gap-0"):
                ui.label("truncation")
                slider = ui.slider(min=0, max=1, step=0.05, value=1).props("label data-testid=truncation")
                slider.on("change", lambda event: on_change("truncation", float(event.args)), throttle=0.2)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line interface."""
    parser = argparse.ArgumentParser(prog="python -m gan.explore", description="Explore a generator in a web browser.")
    parser.add_argument("model", type=Path, nargs="?", default=Path("models/generator.safetensors"))
    parser.add_argument("--host", default="127.0.0.1", help="127.0.0.1: this machine only; 0.0.0.0: any machine")
    parser.add_argument("--port", type=int, default=8080)
    args = parser.parse_args(arguments)
    try:
        Explorer(args.model)  # reports a wrong file before the server starts
    except UserError as error:
        sys.exit(f"explore: {error}")
    try:
        from nicegui import ui
    except ImportError:
        sys.exit("explore: NiceGUI is not installed; `make explore` installs it")
    torch.set_num_threads(min(2, torch.get_num_threads()))

    @ui.page("/", title="Explorer")
    def index() -> None:
        build_page(Explorer(args.model))  # one per visitor

    print(f"explore: http://{args.host}:{args.port}", flush=True)
    ui.run(host=args.host, port=args.port, reload=False, show=False, show_welcome_message=False)


if __name__ == "__main__":
    main()
