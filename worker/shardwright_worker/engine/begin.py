"""What every engine process does before it configures vLLM."""

from shardwright_worker.engine.messages import EngineJob
from shardwright_worker.engine.model_classes import import_model_classes
from shardwright_worker.engine.rank_errors import watch_log
from shardwright_worker.engine.rank_server import start_rank_server
from shardwright_worker.engine.torch_threads import set_threads


def begin(job: EngineJob) -> None:
    """Start the server that ranks are forked from, record what vLLM logs, and import the classes of the model."""
    start_rank_server(job.settings.world_size)  # first: it is forked, and must have used no device
    set_threads()
    watch_log(job.rank_messages)
    import_model_classes(job.model)
