"""The part of the spec that names the checkpoint to save as shards."""

from typing import Annotated

from pydantic import ConfigDict, Field

from shardwright_operator.api import rules
from shardwright_operator.api.field_types import Api, Name, Pattern


class SecretKeySelector(Api):
    """A key of a Secret in the resource's namespace."""

    name: Name = Field(description="Name of the Secret.")
    key: Name = Field(description="Key of the Secret that holds the token.")


class HuggingFace(Api):
    """A repository on the Hugging Face Hub, or on a server with the same API. It is downloaded to the output claim."""

    repo: Annotated[str, Field(min_length=1, max_length=200, json_schema_extra=rules.REPO)] = Field(
        description="Name of the repository, such as org/model."
    )
    revision: Annotated[str, Field(max_length=200)] = Field(
        "main",
        description="Branch, tag or commit. It is resolved to a commit once, and again only when the spec changes or"
        " the annotation reconcile.fluxcd.io/requestedAt is set.",
    )
    token_secret_ref: SecretKeySelector | None = Field(
        None,
        description="Secret with the access token of a private or gated repository. It is mounted into the prepare pod"
        " only. Default: no token.",
    )
    endpoint: Annotated[str, Field(max_length=512, json_schema_extra=rules.ENDPOINT)] = Field(
        "", description="Address of the server, without user and password. Empty: https://huggingface.co."
    )
    include: Annotated[list[Pattern], Field(max_length=32)] = Field(
        [],
        description="Glob patterns of the files to download, such as *.safetensors. Empty: all files that vLLM may"
        " need, with the weights in one format.",
    )
    exclude: Annotated[list[Pattern], Field(max_length=32)] = Field(
        [], description="Glob patterns of files that are not downloaded although include selects them."
    )


class SourceClaim(Api):
    """A folder on an existing PersistentVolumeClaim. It is mounted read-only."""

    claim_name: Name = Field(
        description="Name of a PersistentVolumeClaim in the resource's namespace. It may be the output claim."
    )
    path: Annotated[str, Field(max_length=512, json_schema_extra=rules.SOURCE_PATH)] = Field(
        "", description="Folder of the checkpoint, relative to the root of the volume. Empty: the root."
    )


class SourceSpec(Api):
    """The checkpoint to save as shards, in the format of Hugging Face Transformers. Exactly one field must be set."""

    model_config = ConfigDict(json_schema_extra=rules.SOURCE)

    hugging_face: HuggingFace | None = None
    persistent_volume_claim: SourceClaim | None = None

    @property
    def is_downloaded(self) -> bool:
        """Whether prepare downloads it to the output claim."""
        return self.hugging_face is not None
