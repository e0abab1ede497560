"""Builders of tiny models of every kind."""
