"""Pure builders: one file per child object."""
