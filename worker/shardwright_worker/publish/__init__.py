"""Staging of artifacts, and publishing, replacing and pruning them on the output volume."""
