"""Bring the data set's own files to data/raw/, verified."""

import shutil
from pathlib import Path

from gan.data.config import DataConfig
from gan.data.download import download
from stages._common import PROJECT_ROOT, load_section, run_stage


def main() -> None:
    config = load_section("data", DataConfig)
    raw, cache = Path("data/raw"), PROJECT_ROOT / ".cache" / "downloads"
    shutil.rmtree(raw, ignore_errors=True)
    download(config, raw, images=Path("data/images"), home=PROJECT_ROOT, cache=cache)
    if target := config.of_target():
        own, name = Path("data/target_images"), "data.target_source"
        download(target, raw / "target", images=own, home=PROJECT_ROOT, cache=cache, setting=name)
    print(f"download: {config.dataset}{f' and {config.target}' if target else ''} is in {raw}/")


if __name__ == "__main__":
    run_stage(main)
