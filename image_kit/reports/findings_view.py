"""What the page of a check shows: its findings by kind, the worst first."""

from collections.abc import Sequence
from dataclasses import dataclass

from image_kit.reports.page_data import CheckedFor, CheckPage, ListedFinding, PhotoPair
from image_kit.reports.thumbnails import Photo

SEVERITIES = ("high", "medium", "low")
OF_A_KIND = 40  # findings that the page lists; the CSV file has all
OPEN = 6  # of these, without asking
PAIRS = 12


@dataclass(frozen=True)
class KindView:
    """The findings of one kind.

    Attributes:
        checked: the question that they answer.
        total: how many there are.
        severity: of the worst.
        first: the first few; more: the others that the page lists.
        left_out: how many it does not list.
    """

    checked: CheckedFor
    total: int
    severity: str
    first: Sequence[ListedFinding]
    more: Sequence[ListedFinding]
    left_out: int


@dataclass(frozen=True)
class FindingsView:
    """The kinds with findings, the worst first; the questions without; and pairs of photos."""

    kinds: list[KindView]
    quiet: list[CheckedFor]
    pairs: Sequence[PhotoPair]

    @property
    def total(self) -> int:
        """All findings."""
        return sum(kind.total for kind in self.kinds)

    def photos(self) -> list[Photo]:
        """The photos to show, the most important first; as often as they are shown."""
        listed = [[*kind.first, *kind.more] for kind in self.kinds]
        found = [photo for pair in self.pairs for photo in (pair.first, pair.second)]
        for rank in range(OF_A_KIND):  # one of each kind before the second of any
            row = [findings[rank] for findings in listed if rank < len(findings)]
            found += [photo for each in row for photo in (each.photo, each.related) if photo]
        return found


def view_findings(page: CheckPage) -> FindingsView:
    """Sort the findings of a page by kind and severity; those of a kind that nobody asked for get a section too."""
    known = {each.kind for each in page.checked_for}
    others = dict.fromkeys(each.kind for each in page.findings if each.kind not in known)
    questions = [*page.checked_for, *(CheckedFor(kind, kind.replace("_", " "), "", "") for kind in others)]
    kinds, quiet = [], []
    for question in questions:
        own = [each for each in page.findings if each.kind == question.kind]
        if not own:
            quiet.append(question)
            continue
        own.sort(key=lambda each: SEVERITIES.index(each.severity))  # stable: the most certain of each stay first
        listed = own[:OF_A_KIND]
        kinds.append(
            KindView(question, len(own), own[0].severity, listed[:OPEN], listed[OPEN:], len(own) - len(listed))
        )
    kinds.sort(key=lambda kind: SEVERITIES.index(kind.severity))
    return FindingsView(kinds, quiet, page.pairs[:PAIRS])
