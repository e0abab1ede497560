"""Tests of the worker's package `hub`."""
