"""Bring the data set's own files to data/raw/, verified."""

import shutil
from pathlib import Path

from gan.data.download import download
from gan.data.settings import DataSettings
from stages import HOME, run
from stages.params import section


def main() -> None:
    settings = section("data", DataSettings)
    raw, cache = Path("data/raw"), HOME / ".cache" / "downloads"
    shutil.rmtree(raw, ignore_errors=True)
    download(settings, raw, images=Path("data/images"), home=HOME, cache=cache)
    if target := settings.of_target():
        own, name = Path("data/target_images"), "data.target_source"
        download(target, raw / "target", images=own, home=HOME, cache=cache, setting=name)
    print(f"download: {settings.dataset}{f' and {settings.target}' if target else ''} is in {raw}/")


if __name__ == "__main__":
    run(main)
