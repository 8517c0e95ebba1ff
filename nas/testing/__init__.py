"""Contract suites and helpers that also extensions of the engine can run over their own entries."""
