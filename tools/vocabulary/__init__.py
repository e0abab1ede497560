"""Finds words in code, messages and documentation that are not the field's terms."""
