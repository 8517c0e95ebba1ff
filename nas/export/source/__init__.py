"""Stand-alone source: one Python file that needs torch only and makes the same network.

- **`source_of(network)`**: the file, written from the modules themselves, so that a new block needs nothing here.
- **`check_source(text, network)`**: whether it has the same keys and gives the same outputs.
"""

from nas.export.source.check import check_source
from nas.export.source.file import source_of

__all__ = ["check_source", "source_of"]
