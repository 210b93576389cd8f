"""Download the dataset's original files to data/raw/ and verify them."""

import shutil
from pathlib import Path

from gan.data.config import DataConfig
from gan.data.download import download
from stages._common import PROJECT_ROOT, load_section, run_stage

RAW = Path("data/raw")
CACHE = PROJECT_ROOT / ".cache" / "downloads"


def main() -> None:
    config = load_section("data", DataConfig)
    shutil.rmtree(RAW, ignore_errors=True)
    download(config, RAW, images=Path("data/images"), project_root=PROJECT_ROOT, cache=CACHE)
    if target_config := config.target_config():
        download(
            target_config,
            RAW / "target",
            images=Path("data/target_images"),
            project_root=PROJECT_ROOT,
            cache=CACHE,
            setting_name="data.target_source",
        )
    print(f"download: {config.dataset}{f' and {config.target}' if config.target else ''} in {RAW}/")


if __name__ == "__main__":
    run_stage(main)
