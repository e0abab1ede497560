"""Pages of the documentation that are written from the code's own tables, and checks of the others."""
