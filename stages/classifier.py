"""Train the classifier whose features the generator is judged by: on the training split alone."""

from pathlib import Path
from typing import Any

import torch

from gan.data.prepared import Prepared
from gan.evaluation.classifier import epochs_of, look, save_classifier, train_classifier
from gan.evaluation.settings import ClassifierSettings
from gan.evaluation.task import task_of
from gan.files import new_folder, write_json, write_text
from gan.runtime import RuntimeSettings, select_device, set_threads
from stages import run
from stages.jobs import sharers
from stages.params import section

MODELS, REPORTS, DATA = Path("models"), Path("reports"), Path("data")


def main() -> None:
    settings, runtime = section("classifier", ClassifierSettings), section("runtime", RuntimeSettings)
    set_threads(runtime.threads, sharers())
    device = select_device(runtime.device)
    if (target := DATA / "target/prepared.safetensors").exists():  # both are to judge pictures from the other set
        settings = settings.for_translations()
    facts, rows = train_one(DATA / "prepared.safetensors", MODELS / "classifier.safetensors", settings, device)
    write_json(REPORTS / "classifier.json", {"test_accuracy": facts["accuracy"]})
    write_text(REPORTS / "confusion.tsv", "actual\tpredicted\n" + rows)
    new_folder(MODELS / "extras", "The classifier of data.target, if there is one.")
    if target.exists():
        train_one(target, MODELS / "extras/target_classifier.safetensors", settings, device)


def train_one(data: Path, out: Path, settings: ClassifierSettings, device: torch.device) -> tuple[dict[str, Any], str]:
    prepared = Prepared.load(data)
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
    save_classifier(out, classifier, facts)
    print(f"classifier: {accuracy:.2%} of {len(found):,} test pictures right")
    return facts, "".join(
        f"{names[i]}\t{names[j]}\n" for i, j in zip(test.labels.tolist(), found.tolist(), strict=True)
    )


if __name__ == "__main__":
    run(main)
