"""Tests of the worker's package `publish`."""
