"""What came out of a study, drawn from its records alone: front, hypervolume, figures, page, files for machines."""
