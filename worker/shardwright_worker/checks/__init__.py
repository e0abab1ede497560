"""Checks of a model's configuration against the engine settings, before a GPU is taken."""
