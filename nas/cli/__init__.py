"""The command line, thin: every command is one call into the rooms below and one table or one JSON document."""

from nas.cli.app import main

__all__ = ["main"]
