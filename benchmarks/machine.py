"""The name of what a benchmark ran on."""

from pathlib import Path


def cpu_name() -> str:
    """The CPU's name as Linux gives it, with family and model.

    A virtual machine may say "AMD EPYC" only, of generations one of which computes twice what the other does.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "an unknown CPU"
    known = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in reversed(lines))}
    details = [f"{name.removeprefix('cpu ')} {known[name]}" for name in ("cpu family", "model") if name in known]
    return known.get("model name", "an unknown CPU") + (f" ({', '.join(details)})" if details else "")
