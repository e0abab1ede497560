"""The part of the spec that decides what the shards hold: vLLM's image and engine arguments.

Names and meanings are those of vLLM's engine arguments:
https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/engine/arg_utils.py
"""

from typing import Annotated, Literal

from pydantic import Field

from shardwright_operator.api import rules
from shardwright_operator.api.field_types import Api
from shardwright_worker.contract.engine_settings import EngineSettings
from shardwright_worker.contract.vllm_support.engine_arguments import without_unset


class EngineSpec(Api):
    """Image and engine arguments of vLLM. They decide what the shards hold: a change builds another artifact."""

    image: Annotated[str, Field(max_length=512)] = Field(
        "",
        description="Container image with vLLM and the Shardwright worker. Empty: the operator's default at the time it"
        " first saw the resource, which is kept in status.engineImage.",
    )
    tensor_parallel_size: Annotated[int, Field(ge=1, le=1024)] = Field(
        1, description="Number of ranks that each layer is split over. A server needs the same."
    )
    pipeline_parallel_size: Annotated[int, Field(ge=1, le=1024)] = Field(
        1, description="Number of stages that the layers are divided into. A server needs the same."
    )
    enable_expert_parallel: bool = Field(
        False, description="Whether each rank holds whole experts (true) or a slice of every expert (false)."
    )
    dtype: Literal["auto", "half", "float16", "bfloat16", "float", "float32"] = Field(
        "auto",
        description="Data type of weights that are not quantized. auto: as config.json of the model says. half is"
        " float16, float is float32.",
    )
    quantization: Annotated[str, Field(max_length=64, json_schema_extra=rules.QUANTIZATION)] = Field(
        "", description="Quantization method that the checkpoint was quantized with. Empty: as its files say."
    )
    trust_remote_code: bool = Field(
        False,
        description="Whether vLLM may run Python code that is part of the model. Such code runs in the shard Job and in"
        " every server.",
    )
    hf_overrides: Annotated[str, Field(max_length=8192, json_schema_extra=rules.OVERRIDES)] = Field(
        "", description="JSON object, as text, whose fields replace those of the model's config.json. Empty: none."
    )
    extra_args: Annotated[
        dict[str, Annotated[str, Field(max_length=1024)]], Field(max_length=16, json_schema_extra=rules.EXTRA_ARGS)
    ] = Field(
        {},
        description="Further engine arguments of vLLM: name in snake_case and value as text, such as model_impl:"
        " transformers.",
    )

    def settings(self) -> EngineSettings:
        """Return the same settings in the worker's type."""
        engine = self.model_dump(exclude={"image"})
        return EngineSettings.model_validate({**engine, "extra_args": without_unset(self.extra_args)})
