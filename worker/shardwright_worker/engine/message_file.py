"""The base of the messages between processes, and the files that they are exchanged in."""

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from shardwright_worker.contract.failure import WorkerFailure
from shardwright_worker.contract.reasons import Reason


def _printable(text: Any) -> Any:
    """Replace what UTF-8 cannot hold, such as the bytes of a file name in an error."""
    return text.encode(errors="replace").decode() if isinstance(text, str) else text


ErrorText = Annotated[str, BeforeValidator(_printable)]


class Message(BaseModel):
    """The base of all messages. Numbers that are not finite survive the way through JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


M = TypeVar("M", bound=Message)


def write_message(path: Path, message: Message) -> None:
    """Write a message as JSON, so that a reader finds all of it or no file."""
    part = path.with_suffix(".tmp")
    part.write_text(message.model_dump_json())
    part.replace(path)


def read_message(path: Path, kind: type[M]) -> M:
    """Return the message in a file.

    Raises:
        WorkerFailure: UnexpectedError, if the file is not a message of this kind.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        message = f"{path.name} is not a message of type {kind.__name__}: {error.errors()[0]['msg']}"
        raise WorkerFailure(Reason.UNEXPECTED_ERROR, message, error_type="ProtocolError") from error
