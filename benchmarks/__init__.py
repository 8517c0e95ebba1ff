"""How fast and how good, side by side with others; never part of the tests. Run one with `python -m benchmarks.NAME`."""
