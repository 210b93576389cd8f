"""Train the classifier whose features the generator is judged by: on the training split alone."""

from pathlib import Path

import torch

from gan.data.catalogue import DIGITS
from gan.data.prepared import Prepared, Split, unstacked
from gan.evaluation.classifier import epochs_of, look, save_classifier, train_classifier, turned
from gan.evaluation.settings import ClassifierSettings
from gan.files import write_json, write_text
from gan.runtime import RuntimeSettings, select_device, set_threads
from stages import run
from stages.jobs import sharers
from stages.params import section

OUT = Path("models/classifier.safetensors")


def main() -> None:
    settings, runtime = section("classifier", ClassifierSettings), section("runtime", RuntimeSettings)
    set_threads(runtime.threads, sharers())
    device, prepared = select_device(runtime.device), Prepared.load(Path("data/prepared.safetensors"))
    train, test, names, task = task_of(prepared)
    classifier = train_classifier(train, len(names), settings, device)
    found = look(classifier, test.images).logits.argmax(1)
    accuracy = (found == test.labels).double().mean().item()
    what = "the training split's labels" if task == "classes" else "how training pictures were turned"
    facts = {
        "shape": list(train.images.shape[1:]),
        "classes": list(names),
        "task": task,
        "stacked": prepared.about["stacked"],
        "dataset": prepared.about["dataset"],
        "epochs": epochs_of(settings, len(train.images)),
        "accuracy": round(accuracy, 4),
        "name": f"a convolutional network trained on {what} (128 features; {accuracy:.1%} right on the test split)",
    }
    save_classifier(OUT, classifier, facts)
    write_json(Path("reports/classifier.json"), {"test_accuracy": round(accuracy, 4)})
    rows = "".join(f"{names[i]}\t{names[j]}\n" for i, j in zip(test.labels.tolist(), found.tolist(), strict=True))
    write_text(Path("reports/confusion.tsv"), "actual\tpredicted\n" + rows)
    print(f"classifier: {accuracy:.2%} of {len(found):,} test pictures right")


def task_of(prepared: Prepared) -> tuple[Split, Split, tuple[str, ...], str]:
    """Training and test pictures with labels, names of the labels, and the task: `classes`, or `turns` without any."""
    if prepared.about["stacked"] > 1:
        counts = prepared.about["digits"]
        train, test = unstacked(prepared.train, counts["train"]), unstacked(prepared.test, counts["test"])
        return train, test, DIGITS, "classes"
    names = tuple(prepared.about["classes"])
    if len(names) < 2 or torch.any(prepared.train.labels < 0):
        (train, names), (test, _) = turned(prepared.train.images), turned(prepared.test.images)
        return train, test, names, "turns"
    return prepared.train, prepared.test, names, "classes"


if __name__ == "__main__":
    run(main)
