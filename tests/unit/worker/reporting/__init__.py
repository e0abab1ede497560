"""Tests of the worker's package `reporting`."""
