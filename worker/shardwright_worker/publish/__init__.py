"""Give a proven artifact its final name, or find one that has it."""
