"""Every rank, of saving, proving and measuring, is forked from a process that has vLLM imported."""

from pathlib import Path

import psutil

from shardwright_worker.contract.progress_line import Progress, Stage
from tests.engine.conftest import Make
from tools.models import language

SPAWNED = "spawn_main"  # in the command of a process that multiprocessing spawned


class Processes:
    """The commands of all processes below this one, by the stage in which they were seen."""

    def __init__(self) -> None:
        self.commands: dict[Stage, set[str]] = {}

    def watch(self, progress: Progress) -> None:
        seen = self.commands.setdefault(progress.stage, set())
        for process in psutil.Process().children(recursive=True):
            try:
                seen.add(" ".join(process.cmdline()))
            except psutil.Error:
                continue  # it has just ended


def test_no_rank_is_spawned(make: Make, tmp_path: Path) -> None:
    processes = Processes()
    make(language.llama(tmp_path / "source"), watch=processes.watch, measure=True, tensor_parallel_size=2)
    assert {Stage.LOADING, Stage.VERIFYING, Stage.MEASURING} <= processes.commands.keys()
    for stage in (Stage.LOADING, Stage.VERIFYING, Stage.MEASURING):
        assert processes.commands[stage]
        assert not [command for command in processes.commands[stage] if SPAWNED in command]
