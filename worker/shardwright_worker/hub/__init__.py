"""Hugging Face repositories: resolving a revision, listing its files and downloading them."""
