"""A study: data, space, device, budgets and recipe brought together, run from start to a model in `best/`."""
