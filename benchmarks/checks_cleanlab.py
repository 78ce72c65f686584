"""cleanlab's part of benchmarks/checks_labels.py, in a process of its own, because the project does not need cleanlab.

    PYTHON benchmarks/checks_cleanlab.py '{"cases": "cases.npz", "features": true}'        PYTHON has cleanlab

Prints JSON: for each way to use cleanlab, and each case, the photos that it lists, most doubtful first.
"""

import json
import sys
from importlib.metadata import version

import numpy as np
from cleanlab.classification import CleanLearning
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores


def main(task: dict) -> None:
    """Ask cleanlab about each case."""
    with np.load(task["cases"]) as cases:
        features, every_labels, every_probabilities = (cases[name] for name in ("features", "labels", "probabilities"))
    found: dict[str, list[list[int]]] = {}
    for labels, probabilities in zip(every_labels, every_probabilities, strict=True):
        probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
        for name, photos in from_probabilities(labels, probabilities).items():
            found.setdefault(name, []).append(photos)
        if task["features"]:
            found.setdefault("CleanLearning on the features", []).append(from_features(labels, features))
    print(json.dumps({"version": version("cleanlab"), "listed": found}))


def from_probabilities(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, list[int]]:
    """The list that its documentation shows, the one by class, and all photos by their score."""
    ranked = {"return_indices_ranked_by": "self_confidence", "n_jobs": 1}
    return {
        "find_label_issues": find_label_issues(labels, probabilities, **ranked).tolist(),
        "find_label_issues, prune_by_class": find_label_issues(
            labels, probabilities, filter_by="prune_by_class", **ranked
        ).tolist(),
        "get_label_quality_scores": np.argsort(get_label_quality_scores(labels, probabilities)).tolist(),
    }


def from_features(labels: np.ndarray, features: np.ndarray) -> list[int]:
    """What its own cross-validation of its own classifier lists."""
    issues = CleanLearning(seed=0).find_label_issues(features, labels)
    issues = issues[issues["is_label_issue"]].sort_values("label_quality")
    return issues.index.tolist()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
