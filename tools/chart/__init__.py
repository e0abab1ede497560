"""Renders and lints the Helm chart."""
