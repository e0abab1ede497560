"""Tests of the worker's package `prepare`."""
