"""What the worker and an engine process exchange: the job, and how it ended; one frozen type for each."""

from pathlib import Path
from typing import TypeVar

from pydantic import Field, JsonValue

from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.naming import DEFAULT_MAX_FILE_SIZE
from shardwright_worker.contract.reasons import Reason
from shardwright_worker.engine.message_file import ErrorText, Message, read_message, write_message
from shardwright_worker.engine.rank_messages import RankPlan, RankSaved, RankTimed

_RESULT, _FAILURE = "result.json", "failure.json"


class EngineJob(Message):
    """What an engine process loads: the source's checkpoint, or the shards in `output` if there is no source."""

    source: Path | None = None
    output: Path  # folder of the parts that are written, or of the artifact that is loaded
    scratch: Path  # folder of this process alone: its outcome, its ranks' messages, temporary files
    settings: EngineSettings
    file_pattern: str = ""  # empty: vLLM's own
    max_file_size: int = DEFAULT_MAX_FILE_SIZE  # bytes of tensors in one part
    saves: bool = False  # write the parts, not only the tensors' digests
    generates: bool = False  # start a whole LLM and let it answer prompts
    compares_tokenizer: bool = False  # load the shards' tokenizer, because the source has one
    compares_processor: bool = False

    @property
    def model(self) -> Path:
        """The folder that vLLM loads."""
        return self.source or self.output

    @property
    def rank_messages(self) -> Path:
        """The folder of the ranks' messages."""
        return self.scratch / "ranks"

    @property
    def rank_plan(self) -> RankPlan:
        """The part of the job that its ranks must know."""
        return RankPlan(
            output=self.output,
            messages=self.rank_messages,
            file_pattern=self.file_pattern,
            max_file_size=self.max_file_size,
            ranks=self.settings.world_size,
            saves=self.saves,
        )


class EngineFacts(Message):
    """The engine as a manifest describes it; `quantization_lists` are what vLLM inferred about the source."""

    vllm_version: str
    torch_version: str
    transformers_version: str
    safetensors_version: str
    accelerator: str
    dtype: str
    quantization: str
    moe_backend: str
    linear_backend: str
    quantization_lists: dict[str, list[str]]


class Answers(Message):
    """What a model answered to `engine.answers.PROMPTS`; each list has one entry per prompt.

    `tokens`: generated token ids. `candidates`: at each generated position the token ids with a log-probability.
    `logprobs`: those of the chosen tokens, then of all candidates. `vectors`: what a pooling model returned, flat.
    `spread`: the largest difference between two answers of the same engine.
    """

    tokens: list[list[int]] = Field(default_factory=list)
    candidates: list[list[list[int]]] = Field(default_factory=list)
    logprobs: list[list[float]] = Field(default_factory=list)
    vectors: list[list[float]] = Field(default_factory=list)
    spread: float = 0.0


class TokenizerFacts(Message):
    """What a tokenizer does with `engine.tokenizer.TEXTS`; `chat_template` is the SHA-256 of the template."""

    tokens: list[list[int]]
    vocabulary: int | None
    special_tokens: list[JsonValue]  # bos, eos, pad, unk
    chat_template: str
    processor: str | None = None  # class of a multimodal model's processor; None: not compared


class EngineOutcome(Message):
    """What an engine process that succeeded leaves for the worker; the base of one type for each kind of process."""


class TimedLoad(EngineOutcome):
    """What an engine process that was only timed has measured: one message of each rank."""

    ranks: list[RankTimed]


class EngineResult(EngineOutcome):
    """What an engine process found; maps are by rank."""

    # name -> XXH3-128 of the tensor as it was loaded; empty if parts were written, whose manifest has the digests
    loaded_digests: dict[int, dict[str, str]] = Field(default_factory=dict)
    runtime_digests: dict[int, str]
    answers: Answers = Answers()
    tokenizer: TokenizerFacts | None = None
    tokenizer_error: ErrorText = ""


class EngineFailed(Message):
    """An engine process's failure, as a WorkerFailure has it."""

    reason: Reason
    message: ErrorText
    rank: int | None = None
    error_type: str | None = None

    @classmethod
    def of(cls, failure: WorkerFailure) -> "EngineFailed":
        """Return the message for a failure."""
        return cls(reason=failure.reason, message=failure.message, rank=failure.rank, error_type=failure.error_type)


class LoadTimes(Message):
    """When the steps of a load ended, in seconds of the monotonic clock.

    `imported`: vLLM was imported and the engine process ran. `configured`: the engine's configuration was made and
    accepted. `started`: the first rank began to read weights.
    """

    imported: float
    configured: float
    started: float


class SourceResult(EngineResult):
    """What the engine process that loads the source found, and what its ranks have saved."""

    engine: EngineFacts
    times: LoadTimes
    saved: dict[int, RankSaved] = Field(default_factory=dict)


R = TypeVar("R", bound=EngineOutcome)


def write_outcome(folder: Path, outcome: EngineOutcome | EngineFailed) -> None:
    """Write how an engine process ended."""
    write_message(folder / (_FAILURE if isinstance(outcome, EngineFailed) else _RESULT), outcome)


def has_outcome(folder: Path) -> bool:
    """Return whether the engine process of this folder has written how it ended."""
    return (folder / _RESULT).exists() or (folder / _FAILURE).exists()


def read_outcome(folder: Path, result: type[R]) -> R | EngineFailed | None:
    """Return how an engine process ended; None if it wrote nothing.

    Raises:
        WorkerFailure: UnexpectedError, if the file is not such a message.
    """
    if (folder / _FAILURE).exists():
        return read_message(folder / _FAILURE, EngineFailed)
    return read_message(folder / _RESULT, result) if (folder / _RESULT).exists() else None
