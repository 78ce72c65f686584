import numpy as np
import pytest

from image_kit.checks import list_wrong_labels, score_labels
from image_kit.features import cross_validate, prepare_rows
from tests.fixtures.blobs import blobs
from tests.fixtures.checked import checked

NAMES = ("hat", "shirt", "shoes")
N = 240


def score(features, labels, groups=None):
    groups = np.arange(len(labels)) if groups is None else groups
    rows = prepare_rows(features)
    scores = score_labels(rows, labels, groups, cross_validate(rows, labels, len(NAMES), groups))
    return scores, list_wrong_labels(checked(features, labels, NAMES), scores)


@pytest.fixture(scope="module")
def planted():
    """Features of three classes, clearly apart; the labels, of which 12 are wrong; and these photos."""
    features, true = blobs(N, distance=1.5)
    wrong = np.random.default_rng(1).choice(N, 12, replace=False)
    labels = true.copy()
    labels[wrong] = (labels[wrong] + 1) % 3
    return features, labels, true, wrong


def test_wrong_labels_are_listed_first_with_their_class(planted):
    features, labels, true, wrong = planted
    scores, findings = score(features, labels)
    listed = [int(finding.file.split("/")[1].removesuffix(".jpg")) for finding in findings]
    assert set(wrong) <= set(listed[:14])
    assert len(listed) <= 16
    assert (scores.suggested[wrong] == true[wrong]).all()
    assert {finding.action for finding in findings[:12]} <= {f"move {name}" for name in NAMES}
    assert [finding.certainty for finding in findings] == sorted((f.certainty for f in findings), reverse=True)
    assert 0.03 < scores.noise < 0.08  # 12 of 240 are .05
    for finding, photo in zip(findings, listed, strict=True):
        assert finding.kind == "wrong_label"
        assert finding.action == f"move {NAMES[scores.suggested[photo]]}"
        assert finding.related.startswith(NAMES[scores.suggested[photo]])


def test_the_sentence_says_what_the_others_say(planted):
    features, labels, _, _ = planted
    scores, findings = score(features, labels)
    photo = int(findings[0].file.split("/")[1].removesuffix(".jpg"))
    given, other = NAMES[labels[photo]], NAMES[scores.suggested[photo]]
    nearest = scores.similar.photos[photo, :10]
    count = (labels[nearest] == scores.suggested[photo]).sum()
    says, own = scores.probabilities[photo, [scores.suggested[photo], labels[photo]]]
    assert says > 0.9
    assert own < 0.005
    assert findings[0].evidence == (
        f"It is labelled {given}; the others of the folder say {other} with {100 * says:.0f} % ({given}: less than "
        f"1 %), and {count} of the 10 most similar photos are {other}."
    )
    assert findings[0].severity == "high"


def test_a_clean_folder_is_quiet():
    scores, findings = score(*blobs(N, distance=1.5))
    assert len(findings) <= 3
    assert not [finding for finding in findings if finding.severity == "high"]
    assert scores.noise <= 0.03


@pytest.mark.parametrize("distance", [0, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("n", [120, 240])
def test_classes_that_cannot_be_told_apart_are_no_wrong_labels(distance, n):
    """A third to two thirds of the answers are wrong here, and no photo is surely anything."""
    assert len(score(*blobs(n, distance=distance))[1]) <= 0.03 * n


def test_copies_do_not_vouch_for_each_other(planted):
    """A photo with a wrong label, eleven times: without groups, the copies are each other's ten most similar photos."""
    features, true = blobs(N, distance=1.5)
    features, labels = np.concatenate([features, features[[0] * 11]]), np.append(true, [1] * 11)
    labels[0] = 1
    groups = np.append(np.arange(N), [0] * 11)
    copies = np.append(0, np.arange(N, N + 11))
    assert score(features, labels, groups)[0].doubtful[copies].all()
    assert not score(features, labels)[0].doubtful[copies].any()


def test_a_class_of_few_photos_is_not_reported():
    """The others cannot know what it looks like."""
    features, labels = blobs(N, distance=1.5)
    kept = (labels < 2) | (np.arange(N) < 12)  # 4 photos of the third class
    scores, _ = score(features[kept], labels[kept])
    assert not scores.doubtful[labels[kept] == 2].any()
    assert scores.doubtful.shape == (kept.sum(),)
