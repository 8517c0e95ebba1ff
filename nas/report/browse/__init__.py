"""The front as a local page to look through: live while a search runs, with actions on the network that was chosen."""
