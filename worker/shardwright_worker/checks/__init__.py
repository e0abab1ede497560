"""Checks of a model's configuration against the engine settings, before an accelerator is taken."""
