"""A network as files that others can run: stand-alone source."""
