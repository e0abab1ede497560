"""Tests of the worker's package `source`."""
