"""Do two fresh processes agree on a latency, quiet and with one busy core? Beside `torch.utils.benchmark`, in one run.

The part of `protocol` that asks this, with one process for all numbers of a turn; takes the same options.

    python -m benchmarks.latency_repeat --networks 20
"""

from __future__ import annotations

import sys

from benchmarks import protocol
from benchmarks.common import RESULTS

ASKED = ["--conditions", "quiet", "busy", "--methods", protocol.OURS, "torch.utils.benchmark", "--together"]

if __name__ == "__main__":
    protocol.main([*ASKED, "--out", str(RESULTS / "latency_repeat.json"), *sys.argv[1:]])
