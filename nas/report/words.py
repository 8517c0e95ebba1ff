"""Numbers and names as a person reads them: units, digits, signs, labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from nas.report.aims import Aims, Budget
from nas.store.record import Record

Kind = Literal["share", "ms", "count", "bytes", "mb", "mj", "seconds", "number"]

_LABELS = {
    "macs": "MACs",
    "macs_least": "least MACs",
    "macs_expected": "expected MACs",
    "flops": "FLOPs",
    "params": "parameters",
    "peak_bytes": "peak memory",
    "latency_ms": "latency",
    "predicted_ms": "predicted latency",
    "search_latency_ms": "latency in the search",
    "model_mb": "model size",
    "energy_mj": "energy an image",
    "macro_f1": "macro F1",
    "train_loss": "training loss",
}
_SHARES = {"accuracy", "top1", "top5", "macro_f1", "f1", "recall", "precision"}
_COUNTS = {"macs", "macs_least", "macs_expected", "flops", "params", "activations"}
_RANGE = {"macs_least", "macs_expected"}
_UNITS: Mapping[Kind, str] = {"share": "%", "ms": "ms", "seconds": "s", "bytes": "bytes", "mb": "MiB", "mj": "mJ"}
MINUS = "\N{MINUS SIGN}"


def worth_showing(values: Mapping[str, float]) -> dict[str, float]:
    """A network's values without the range of its MACs where all images take the same."""
    macs = values.get("macs")
    return {name: value for name, value in values.items() if name not in _RANGE or value != macs}


def kind_of(name: str) -> Kind:
    """What sort of number goes by a name, told from the name alone."""
    if not name.isidentifier():
        return "number"
    if name in _SHARES or name.endswith("accuracy"):
        return "share"
    if name.endswith("_ms"):
        return "ms"
    if name in _COUNTS:
        return "count"
    if name.endswith("_bytes"):
        return "bytes"
    if name.endswith("_mb"):
        return "mb"
    if name.endswith("_mj"):
        return "mj"
    return "seconds" if name == "seconds" or name.endswith("_seconds") else "number"


def label(name: str) -> str:
    """`latency_ms` as `latency`, `macs` as `MACs`."""
    if not name.isidentifier():
        return name
    if name in _LABELS:
        return _LABELS[name]
    for unit in ("_ms", "_bytes", "_mb", "_mj"):
        name = name.removesuffix(unit)
    return name.replace("_", " ")


def axis_label(name: str) -> str:
    """The label with its unit, as it stands beside an axis: `latency (ms)`."""
    unit = _UNITS.get(kind_of(name))
    return f"{label(name)} ({unit})" if unit else label(name)


def quantity(name: str, value: float | None) -> str:
    """`97.36%`, `1.21 ms`, `4.12 M`; a dash where there is no number."""
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    match kind_of(name):
        case "share":
            return f"{100 * value:.2f}%"
        case "ms":
            return f"{milliseconds(value)} ms"
        case "count":
            return scaled(value)
        case "bytes":
            return f"{scaled(value)}B"
        case "mb":
            return f"{significant(value)} MiB"
        case "mj":
            return f"{significant(value)} mJ"
        case "seconds":
            return f"{significant(value)} s"
    return significant(value, 4)


def amount(name: str, value: float | None) -> str:
    """A quantity that says of what, where its unit does not: `1.210 ms`, `4.12 M MACs`, `energy 0.31`."""
    match kind_of(name):
        case "count":
            return f"{quantity(name, value)} {label(name)}"
        case "number":
            return f"{label(name)} {quantity(name, value)}"
    return quantity(name, value)


def interval(name: str, bounds: Sequence[float] | None) -> str:
    """`[96.10, 98.32]` in the unit that the value beside it has; empty where there is none."""
    if not bounds or not all(math.isfinite(b) for b in bounds):
        return ""
    return f"[{', '.join(bare(name, b) for b in bounds)}]"


def bare(name: str, value: float) -> str:
    """A quantity without its unit."""
    return quantity(name, value).removesuffix("%").removesuffix(" ms").removesuffix(" MiB").removesuffix(" mJ")


def milliseconds(value: float) -> str:
    """As many decimals as keep a column aligned and three digits: `0.996`, `1.010`, `12.31`, `152.4`."""
    size = abs(value)
    if 0 < size < 0.1:
        return significant(value)
    return f"{value:.{3 if size < 10 else 2 if size < 100 else 1}f}".replace("-", MINUS)


def difference(name: str, change: float) -> str:
    """A difference with its sign: `+1.80 points`, `-0.30 ms`."""
    sign = "+" if change > 0 else MINUS if change < 0 else "\N{PLUS-MINUS SIGN}"
    size = abs(change)
    return f"{sign}{100 * size:.2f} points" if kind_of(name) == "share" else f"{sign}{quantity(name, size)}"


def significant(value: float, digits: int = 3) -> str:
    """So many significant digits, in exponent form only where there is no other way: `1.21`, `0.0421`, `1530`."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    rounded = f"{value:.{digits - 1}e}"
    exponent = int(rounded.partition("e")[2])
    if not -5 <= exponent < 9:
        return rounded
    return f"{float(rounded):.{max(0, digits - 1 - exponent)}f}".replace("-", MINUS)


def scaled(value: float) -> str:
    """A count to three digits with k, M, G or T: `4.12 M`."""
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit * 0.9995:
            return f"{significant(value / limit)} {unit}"
    return f"{value:.0f}"


def budget_text(budget: Budget) -> str:
    """`latency <= 1.5 ms` with the sign a person writes; the text as it stands where it is an expression."""
    if budget.name is None or budget.bound is None:
        return budget.text
    bound = quantity(budget.name, budget.bound)
    trimmed = plain_bound(bound)
    return f"{label(budget.name)} {'≤' if budget.upper else '≥'} {trimmed}"


def plain_bound(text: str) -> str:
    """`1.50 ms` as `1.5 ms`: a bound was written by a person, its trailing zeros were not."""
    number, separator, unit = text.partition(" ")
    percent = number.endswith("%")
    number = number.removesuffix("%")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return f"{number}{'%' if percent else ''}{separator}{unit}"


def budgets_text(aims: Aims) -> str:
    """All budgets in one phrase; empty where there are none."""
    return join(budget_text(b) for b in aims.budgets)


def join(items: Iterable[str], last: str = "and") -> str:
    """`a, b and c`."""
    words = list(items)
    return " ".join([", ".join(words[:-1]), last, words[-1]]) if len(words) > 1 else "".join(words)


def network(record: Record) -> str:
    """What a person calls a network: its name where it is a known one, else its trial."""
    if record.role == "baseline":
        return record.name.removeprefix("zoo/") or record.arch_id[:8] or f"trial {record.trial}"
    if record.role == "finalist" and record.source is not None:
        return f"{record.name or f'trial {record.source}'}, retrained"
    return f"trial {record.trial}"


def opening(text: str) -> str:
    """A phrase as a sentence begins, the rest of it as it is."""
    return text[:1].upper() + text[1:]


def reference(record: Record) -> str:
    """What the command line calls a trial: `17` for a candidate, else `baseline/3`, `finalist/0`."""
    return str(record.trial) if record.role == "candidate" else f"{record.role}/{record.trial}"


def short(text: str, most: int = 28) -> str:
    """A name cut to what fits into a figure."""
    return text if len(text) <= most else text[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def plural(count: int, noun: str) -> str:
    """`1 network`, `1,200 networks`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float | None) -> str:
    """`42 s`, `3 min 12 s`, `2 h 5 min`; a dash where it is unknown."""
    if seconds is None or not math.isfinite(seconds):
        return "\N{EN DASH}"
    whole = round(seconds)
    if whole < 60:
        return f"{significant(seconds, 2) if seconds < 9.5 else whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def summarise(decisions: Mapping[str, Any]) -> list[str]:
    """Decisions by stage, one phrase each: `s1: repeat 2, block mbconv, kernel 3 5, expand 4`.

    Decisions of the same last name in a stage stand together in order; where all agree the value is said once.
    """
    groups: dict[str, dict[str, list[str]]] = {}
    for name, value in decisions.items():
        stage, _, rest = name.rpartition(".")
        stage = stage.partition(".")[0] if rest else ""
        groups.setdefault(stage, {}).setdefault(name.rpartition(".")[2], []).append(_word(value))
    return [
        (f"{stage}: " if stage else "") + ", ".join(_phrase(*item) for item in fields.items())
        for stage, fields in groups.items()
    ]


def _phrase(name: str, values: Sequence[str]) -> str:
    return f"{name} {values[0] if len(set(values)) == 1 else ' '.join(values)}"


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
