"""Command lines of `vllm serve`: flags that decide shards are compared, all others are free."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.worker.serving_cases import guard, made, refusal


@pytest.mark.parametrize(
    "line",
    [
        "vllm serve /models/x --tensor-parallel-size 2 --port 8000 --enable-lora --lora-modules a=/a b=/b",
        "/models/x -tp 2 --cpu-offload-gb 0 --api-key secret --speculative-config {} --chat-template x.jinja",
        "-tp=2 --tensor_parallel_size=2 --load_format=sharded_state --no-enable-expert-parallel --no-async-scheduling",
        "--tensor-parallel 2 --load-form runai_streamer_sharded --max-model-len 8k -O3 -cc.mode=3 --seed -1",
        "-t 2 --data-parallel-size 2 --moe-backend auto --runner auto --kv-cache-dtype fp8 --dtype bfloat16",
        "--tensor-parallel-size 1 --tensor-parallel-size 2 --compilation-config.pass_config.fuse_norm true",
        "-tp 2 --enable-expert-parallel --no-enable-expert-parallel --limit-mm-per-prompt.image 2",
        "-tp 2 --model-loader-extra-config {} --hf-overrides {} --kernel-config {} --served-model-name a b c",
        "-tp 2 --disable-expert-parallel --unknown-flag --of-a.newer vllm -- --tensor-parallel-size 7",
        "-tp 2 --port --trust-remote-code --language-model-only=false --nnodes 1",
        "-tp 2 -q fp8 --quantization None --hf-config-path None --quantization-config None --code-revision None",
        '-tp 2 --hf-overrides {"rope_parameters":{"factor":4.0},"max_position_embeddings":9,"sliding_window":null}',
        "-tp 2 --hf-overrides.text_config.rope_scaling.factor 4 --hf-overrides.rope_theta=1e6",
    ],
)
def test_every_command_line_of_a_fitting_server_is_accepted(tmp_path: Path, line: str) -> None:
    guard(made(tmp_path), *line.split())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "--tensor-parallel-size is 1, the shards were made with 2"),
        ("-tp 4", "--tensor-parallel-size is 4"),
        ("-tp=4", "--tensor-parallel-size is 4"),
        ("-tp 2 --tensor_parallel_size=4", "--tensor-parallel-size is 4"),
        ("--tensor-paral 4", "--tensor-parallel-size is 4"),
        ("-tp 2 -pp 2", "--pipeline-parallel-size is 2"),
        ("-tp 2 -ep", "--enable-expert-parallel is True"),
        ("-tp 2 --enable-expert", "--enable-expert-parallel is True"),
        ("-tp 2 -qfp8", "--quantization is fp8"),
        ("-tp 2 --dtype=half", "--dtype is float16"),
        ("-tp 2 --hf-overrides.rope.theta=1e4", '--hf-overrides is {"rope": {"theta": 10000.0}}'),
        ('-tp 2 --hf-overrides {"a":1}', '--hf-overrides is {"a": 1}'),
        ("-tp 2 --hf-overrides.a+ x,y", '--hf-overrides is {"a": ["x", "y"]}'),
        ('-tp 2 --hf-overrides {"rope_theta":1,"num_hidden_layers":1}', '--hf-overrides is {"num_hidden_layers": 1}'),
        ('-tp 2 --hf-overrides {"vision_config":{"rope_theta":1}}', '--hf-overrides is {"vision_config"'),
        ("-tp 2 --runner pooling", "--runner is pooling, the shards were made with default"),
        ("-tp 2 --model-impl transformers", "--model-impl is transformers"),
        ("-tp 2 --config-format mistral", "--config-format is mistral"),
        ("-tp 2 --load-format auto", "--load-format is auto, shards are read with sharded_state"),
        ('-tp 2 --model-loader-extra-config {"pattern":"x-{part}.safetensors"}', "pattern is x-{part}.safetensors"),
        ("-tp 2 --model-loader-extra-config.pattern=y-{part}.safetensors", "pattern is y-{part}.safetensors"),
        ("-tp 2 --moe-backend cutlass", "--moe-backend is cutlass, the shards were made with default"),
        ("-tp 2 --kernel-config.moe_backend cutlass", "--moe-backend is cutlass"),
        ("-tp 2 --language-model-only", "--language-model-only is true"),
        ("-tp 2 --limit-mm-per-prompt.image 0", "--limit-mm-per-prompt is none of image"),
        ("-tp 2 --convert embed", "--convert is embed"),
        ("-tp 2 --hf-config-path /other", "--hf-config-path makes another model"),
        ('-tp 2 --model-class-overrides {"a":"b"}', "--model-class-overrides makes another model"),
        ("-tp 2 --mm-encoder-tp-mode data", "--mm-encoder-tp-mode is data"),
        ("-tp 2 --mm-encoder-attn-dtype fp8", "--mm-encoder-attn-dtype makes another model"),
        ("-tp 2 --eplb-config.num_redundant_experts 2", "num_redundant_experts is 2"),
        ("-tp two", "--tensor-parallel-size must be a number"),
        ("-tp", "--tensor-parallel-size needs a value"),
        ("-tp --port 1", "--tensor-parallel-size needs a value"),
        ("-tp 0", "--tensor-parallel-size"),
        ("-tp 2 --hf-overrides {", "--hf-overrides is not JSON"),
        ("-tp 2 --hf-overrides [1]", "--hf-overrides must be a JSON object"),
        ("-tp 2 --config /nowhere.yaml", "--config /nowhere.yaml cannot be read here"),
    ],
)
def test_flags_that_differ_are_reported_by_name(tmp_path: Path, line: str, words: str) -> None:
    assert words in refusal(made(tmp_path), *line.split())


def test_flags_in_a_file_are_read_as_vllm_reads_them(tmp_path: Path) -> None:
    manifest = made(tmp_path)
    file = tmp_path / "server.yaml"
    file.write_text("tensor-parallel-size: 2\nport: 1\nenable-expert-parallel: false\nlora-modules: [a, b]\n")
    guard(manifest, "/models/x", "--config", str(file))
    assert "--tensor-parallel-size is 4" in refusal(manifest, "--config", str(file), "-tp", "4")
    file.write_text("tensor-parallel-size: 2\nquantization: null\nhf-config-path:\n")
    guard(manifest, "--config", str(file))
    file.write_text("tensor_parallel_size: 2\nhf-overrides: {a: 1}\n")
    assert "--hf-overrides is" in refusal(manifest, "--config", str(file))
