"""What the fork server imports is named by a string: the module exists, and nothing else imports vLLM."""

from __future__ import annotations

import importlib.util
import sys

import shardwright_worker.shard.shard_stage as shard_stage


def test_the_preloaded_module_exists() -> None:
    assert importlib.util.find_spec(shard_stage.PRELOAD) is not None


def test_the_stage_does_not_import_it() -> None:
    assert shard_stage.PRELOAD not in sys.modules
