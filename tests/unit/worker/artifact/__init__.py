"""Tests of the worker's package `artifact`."""
