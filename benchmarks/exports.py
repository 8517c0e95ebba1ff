"""What a network keeps when it is taken away: differences, size, latency and accuracy in every format.

    python -m benchmarks.exports --study results/cifar10_latency:best --data cifar10.npz

For trained networks of studies (`--study`, as often as wanted) and untrained ones of the zoo (`--networks`, one of each
of several families): each format as `nas export` writes it, its largest difference to eager PyTorch on 64 images, its
bytes, its latency beside eager's by the protocol of all latencies, and for trained networks the accuracy in eight bits
beside that in float32 on the same validation and test images. Stand-alone source has no latency of its own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.common import PACKAGES, RESULTS, environment, report
from nas.errors import NasError
from nas.export import formats
from nas.study.export import Options, export_model, plan_export
from nas.study.trained import find_trained

ZOO = (
    "resnet20", "mobilenet_v3_small", "shufflenet_v2_x0_5", "regnet_x_004", "repvgg_a0", "efficientnet_b0",
    "convnext_atto", "mobilevit_xxs", "deit_tiny_distilled", "swin_tiny", "msdnet_step4",
)  # fmt: skip
COLUMNS = {
    "network": "network", "format": "format", "state": "", "difference": "relative difference",
    "absolute": "largest", "same": "same class", "bytes": "bytes", "latency": "latency (ms)", "flags": "flags",
    "validation": "validation (%)", "test": "test (%)", "seconds": "written in (s)",
}  # fmt: skip


def main() -> None:
    options = _options()
    names = [*options.study, *(f"zoo/{name}" for name in options.networks)]
    rows: list[dict[str, Any]] = []
    for name in names:
        print(f"{name} ...", file=sys.stderr)
        try:
            rows += _rows(name, options)
        except NasError as error:
            rows.append({"network": name, "state": f"failed: {error}"})
    written = [row for row in rows if row.get("difference") is not None]
    exact = [row["difference"] for row in written if row["format"] != "int8"]
    summary = {
        "networks": len(names),
        "written": len(written),
        "not written": sum(str(row.get("state", "")).startswith("failed") for row in rows),
        "largest relative difference but of int8": max(exact, default=None),
    }
    title = "Exported networks beside eager PyTorch: 64 images, batch 1 and 16; latency at batch 1"
    report(title, rows, COLUMNS, environment() | _versions(), options.out, summary=summary, as_json=options.json)


def _rows(name: str, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    study = not name.startswith("zoo/")
    trained = find_trained(name, data=str(options.data) if options.data and study else None)
    with TemporaryDirectory(prefix="nas-exports-") as folder:
        known = [each for each in formats.names() if each != "source" and (study or not formats.find(each).calibrated)]
        asked = Options(
            tuple(options.format or known), Path(folder) / "model", device="cpu" if options.latency else None
        )
        found = export_model(trained, plan_export(trained, asked), asked, lambda text: print(text, file=sys.stderr))
    latencies = found["latency_ms"]
    yield {"network": found["name"], "format": "eager", "state": "", **_latency(latencies.get("eager"))}
    for format in found["formats"]:
        outputs = format.get("outputs") or {}
        accuracy = {
            each["split"]: f"{100 * each['before']:.2f} -> {100 * each['after']:.2f}"
            for each in found["accuracy"].get(format["format"], ())
        }
        yield {
            "network": found["name"],
            "format": format["format"],
            "state": "" if format["state"] == "written" else f"{format['state']}: {format['reason']}"[:200],
            "difference": outputs.get("difference"),
            "absolute": outputs.get("absolute"),
            "same": outputs.get("top1"),
            "bytes": format.get("bytes"),
            **_latency(latencies.get(format["format"])),
            **accuracy,
            "accuracy": found["accuracy"].get(format["format"]),
            "seconds": format.get("seconds"),
        }


def _latency(found: dict[str, Any] | None) -> dict[str, Any]:
    if found is None:
        return {}
    if "reason" in found:
        return {"flags": found["reason"][:120]}
    return {
        "latency": f"{found['p50']:.3f} [{found['low']:.3f}, {found['high']:.3f}]",
        "flags": ", ".join(found["flags"]) + ("" if found["trusted"] else " NOT TRUSTED"),
        "latency_ms": {key: found[key] for key in ("p50", "low", "high", "p90", "pairs", "trusted")},
    }


def _versions() -> dict[str, Any]:
    import importlib.metadata as metadata

    known = {"versions": {}}
    for package in (*PACKAGES, "onnx", "onnxscript", "onnxruntime", "openvino", "safetensors"):
        try:
            known["versions"][package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return known


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", action="append", default=[], help="STUDY:TRIAL or STUDY:best; may be repeated")
    parser.add_argument("--networks", nargs="*", default=list(ZOO), help="of the zoo, untrained")
    parser.add_argument("--format", action="append", default=[], help="may be repeated; by default all but source")
    parser.add_argument("--data", type=Path, help="the studies' data, where it is elsewhere than they say")
    parser.add_argument("--no-latency", dest="latency", action="store_false", help="do not measure")
    parser.add_argument("--out", type=Path, default=RESULTS / "exports.json")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
