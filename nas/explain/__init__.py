"""What a network looks at: maps over an image, by captum (the extra `explain`). One method a function, in a table."""

from nas.explain.explaining import METHODS, Explained, explain

__all__ = ["METHODS", "Explained", "explain"]
