"""Bring the data set's own files to data/raw/, verified."""

import shutil
from pathlib import Path

from gan.data.download import download
from gan.data.settings import DataSettings
from stages import HOME, run
from stages.params import section


def main() -> None:
    settings = section("data", DataSettings)
    raw = Path("data/raw")
    shutil.rmtree(raw, ignore_errors=True)
    download(settings, raw, images=Path("data/images"), home=HOME, cache=HOME / ".cache" / "downloads")
    print(f"download: {settings.dataset} is in {raw}/")


if __name__ == "__main__":
    run(main)
