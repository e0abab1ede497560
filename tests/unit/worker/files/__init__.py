"""Tests of the worker's package `files`."""
