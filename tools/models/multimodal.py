"""Tiny models of images and sound, each with its processor. Needs transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from tools.models.architectures import SIZES, VOCABULARY, build

_WORDS = ("<s>", "</s>", "<unk>", "Hello", "world", "is", "def", "main", "return", "It")
_QWEN = ("<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>")
_VISION: dict[str, Any] = {"depth": 2, "hidden_size": 128, "intermediate_size": 128, "num_heads": 4}
_SIGLIP: dict[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 56,
    "patch_size": 14,
}
_IMAGE_SIZE = {"height": 56, "width": 56}


def qwen2_5_vl(folder: Path) -> Path:
    """Write a Qwen2.5-VL with two vision layers and two language layers."""
    import transformers

    tokens = _QWEN
    build(
        folder,
        "Qwen2_5_VLForConditionalGeneration",
        text_config={**SIZES, "rope_parameters": _rope([8, 12, 12])},
        vision_config={**_VISION, "out_hidden_size": SIZES["hidden_size"], "fullatt_block_indexes": [1]},
        **_qwen_tokens(tokens),
    )
    return _add_processor(folder, transformers.Qwen2_5_VLProcessor, tokens, **_qwen_images(14))


def qwen3_vl(folder: Path) -> Path:
    """Write a Qwen3-VL with two vision layers and two language layers."""
    import transformers

    tokens = _QWEN
    build(
        folder,
        "Qwen3VLForConditionalGeneration",
        text_config={**SIZES, "head_dim": 64, "rope_parameters": _rope([12, 10, 10])},
        vision_config={
            **_VISION,
            "out_hidden_size": SIZES["hidden_size"],
            "deepstack_visual_indexes": [0],
            "num_position_embeddings": 64,
        },
        **_qwen_tokens(tokens),
    )
    return _add_processor(folder, transformers.Qwen3VLProcessor, tokens, **_qwen_images(16))


def gemma3(folder: Path) -> Path:
    """Write a Gemma 3 that sees."""
    import transformers

    tokens = ("<image_soft_token>", "<start_of_image>", "<end_of_image>", *("\n" * count for count in (1, 2, 3, 4)))
    ids = _ids(tokens)
    build(
        folder,
        "Gemma3ForConditionalGeneration",
        text_config={**SIZES, "head_dim": 64, "query_pre_attn_scalar": 64, "tie_word_embeddings": True},
        vision_config=_SIGLIP,
        image_token_index=ids[tokens[0]],
        boi_token_index=ids[tokens[1]],
        eoi_token_index=ids[tokens[2]],
        mm_tokens_per_image=4,
    )
    _name_as_published(folder)
    names = {"image_token": tokens[0], "boi_token": tokens[1], "eoi_token": tokens[2]}
    images = transformers.Gemma3ImageProcessor(size=_IMAGE_SIZE)
    return _add_processor(
        folder, transformers.Gemma3Processor, tokens, names, image_processor=images, image_seq_length=4
    )


def llava(folder: Path) -> Path:
    """Write a LLaVA 1.5: a CLIP and a Llama."""
    import transformers

    tokens = ("<image>",)
    build(
        folder,
        "LlavaForConditionalGeneration",
        text_config={"model_type": "llama", **SIZES},
        vision_config={"model_type": "clip_vision_model", **_SIGLIP, "projection_dim": 64},
        image_token_index=_ids(tokens)["<image>"],
        vision_feature_layer=-2,
    )
    _name_as_published(folder)
    images = transformers.CLIPImageProcessor(size={"shortest_edge": 56}, crop_size=_IMAGE_SIZE)
    return _add_processor(
        folder,
        transformers.LlavaProcessor,
        tokens,
        {"image_token": tokens[0]},
        image_processor=images,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )


def whisper(folder: Path) -> Path:
    """Write a Whisper."""
    import transformers

    tokens = ("<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>")
    build(
        folder,
        "WhisperForConditionalGeneration",
        d_model=256,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        num_key_value_heads=4,  # of SIZES, which Whisper takes for another name of encoder_attention_heads
        encoder_ffn_dim=256,
        decoder_ffn_dim=256,
        num_mel_bins=80,
        max_source_positions=1500,
        max_target_positions=448,
        decoder_start_token_id=_ids(tokens)[tokens[0]],
        tie_word_embeddings=True,
    )
    sound = transformers.WhisperFeatureExtractor(feature_size=80)
    return _add_processor(folder, transformers.WhisperProcessor, tokens, feature_extractor=sound)


def _name_as_published(folder: Path) -> None:
    """Name the tensors of the vision tower as published models do, and transformers before release 5."""
    path = folder / "model.safetensors"
    new, old = "vision_tower.", "vision_tower.vision_model."
    tensors = {name.replace(new, old, 1): tensor for name, tensor in load_file(path).items()}
    save_file(tensors, path, {"format": "pt"})


def _ids(tokens: tuple[str, ...]) -> dict[str, int]:
    return {word: at for at, word in enumerate((*_WORDS, *tokens))}


def _rope(sections: list[int]) -> dict[str, Any]:
    return {"rope_type": "default", "mrope_section": sections, "rope_theta": 10000.0}


def _qwen_tokens(tokens: tuple[str, ...]) -> dict[str, Any]:
    ids = _ids(tokens)
    return {
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
    }


def _qwen_images(patch: int) -> dict[str, Any]:
    import transformers

    images = {
        "patch_size": patch,
        "merge_size": 2,
        "size": {"shortest_edge": 4 * patch**2, "longest_edge": 16 * patch**2},
    }
    return {
        "image_processor": transformers.Qwen2VLImageProcessor(**images),
        "video_processor": transformers.Qwen2VLVideoProcessor(**images),
    }


def _add_processor(
    folder: Path,
    processor: Any,
    tokens: tuple[str, ...],
    names: dict[str, str] | None = None,
    **parts: Any,
) -> Path:
    """Write a processor with a tokenizer of whole words, in which `tokens` are special; `names`: of its tokens."""
    import transformers
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    ids = _ids(tokens)
    ids |= {f"word{at}": at for at in range(len(ids), VOCABULARY)}
    words = Tokenizer(WordLevel(ids, unk_token="<unk>"))
    words.pre_tokenizer = Whitespace()
    words.add_special_tokens(list(tokens))
    marks = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"}
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=words, **marks, extra_special_tokens=names or {})
    processor(tokenizer=tokenizer, **parts).save_pretrained(folder)
    return folder
