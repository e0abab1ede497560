"""Repositories of the Hugging Face Hub or a mirror of it: list, download, resume, and verify what was downloaded."""
