"""What the benchmarks share. Importing it puts the project on Python's path, so that it runs from any folder."""

import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def cpu_name() -> str:
    """The CPU's name as Linux gives it, with family and model.

    A virtual machine may say "AMD EPYC" only, and one generation of these computes twice what another does.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "an unknown CPU"
    known = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in reversed(lines))}
    details = [f"{name.removeprefix('cpu ')} {known[name]}" for name in ("cpu family", "model") if name in known]
    return known.get("model name", "an unknown CPU") + (f" ({', '.join(details)})" if details else "")


def median_and_range(values: list[float], form: str) -> str:
    """ "1.50 [1.20 to 1.90]", each number in this format."""
    return f"{statistics.median(values):{form}} [{min(values):{form}} to {max(values):{form}}]"
