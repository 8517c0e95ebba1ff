"""How fast and how good, side by side with others; never part of the tests.

Run one from the checkout with `python -m benchmarks.NAME`.
"""
