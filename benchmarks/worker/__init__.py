"""Measures the worker beside what people use today."""
