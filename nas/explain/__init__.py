"""What a network looks at: maps over an image, by captum (the extra `explain`). One method a function, in a table."""

from nas.explain.explaining import METHODS, Explained, check_method, explain

__all__ = ["METHODS", "Explained", "check_method", "explain"]
