"""Data sets for image classification, one a file: each yields uint8 arrays that fit memory or a memory map."""

from nas.data.dataset import Dataset, Split
from nas.data.loading import load_data, source_names
from nas.data.spec import DataSpec

__all__ = ["DataSpec", "Dataset", "Split", "load_data", "source_names"]
