"""Loads a model with vLLM, saves its shards, proves and publishes them. Imports vLLM only in processes of their own."""
