"""Writes the documentation pages that follow from the code's own tables."""
