"""Find, measure and scale neural networks that are accurate and fast enough."""

__version__ = "0.1.0"
