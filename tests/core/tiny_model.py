"""A Llama of a few thousand random weights with a byte-level tokenizer, made without torch, so that training tests run anywhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

WORDS = "the cat sat on a mat and the dog ran to the old red barn while two birds sang in the tall green tree all day long"
SPECIAL = (
    "<pad>",
    "<s>",
    "</s>",
    "<|im_start|>",
    "<|im_end|>",
    "[INST]",
    "[/INST]",
    "<start_of_turn>",
    "<end_of_turn>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
)
HIDDEN, LAYERS, HEADS, INNER, CONTEXT = 32, 2, 4, 64, 256


def make_tokenizer(*, bos: bool = True) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = [AddedToken(text, special=True, normalized=False) for text in SPECIAL]
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator([WORDS] * 4 + ["User:\nAssistant:\n"] * 4, trainer)
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))])
    return tokenizer


def make_tiny_model(
    folder: Path, *, template: str = "", bos: bool = True, tokenizer_class: str = "PreTrainedTokenizerFast", pad: bool = True, context: int = CONTEXT
) -> Path:
    """Write config, weights and tokenizer; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer(bos=bos)
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {"bos_token": "<s>", "eos_token": "</s>", **({"pad_token": "<pad>"} if pad else {})}
    settings = {"tokenizer_class": tokenizer_class, "model_max_length": context, **special, **({"chat_template": template} if template else {})}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    vocabulary = tokenizer.get_vocab_size()
    (folder / "config.json").write_text(
        json.dumps(
            {
                "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": vocabulary, "hidden_size": HIDDEN, "intermediate_size": INNER,
                "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": HEADS, "max_position_embeddings": context,
                "tie_word_embeddings": True, "bos_token_id": 1, "eos_token_id": 2, "rms_norm_eps": 1e-5, "dtype": "float32",
            }
        )
    )  # fmt: skip
    save_file(_weights(vocabulary), str(folder / "model.safetensors"), metadata={"format": "pt"})
    return folder


def _weights(vocabulary: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return (random.standard_normal((rows, columns)) / np.sqrt(columns)).astype(np.float32)

    weights = {"model.embed_tokens.weight": matrix(vocabulary, HIDDEN), "model.norm.weight": np.ones(HIDDEN, np.float32)}
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        for name in "qkvo":
            weights[f"{prefix}self_attn.{name}_proj.weight"] = matrix(HIDDEN, HIDDEN)
        weights[f"{prefix}mlp.gate_proj.weight"] = matrix(INNER, HIDDEN)
        weights[f"{prefix}mlp.up_proj.weight"] = matrix(INNER, HIDDEN)
        weights[f"{prefix}mlp.down_proj.weight"] = matrix(HIDDEN, INNER)
        weights[f"{prefix}input_layernorm.weight"] = np.ones(HIDDEN, np.float32)
        weights[f"{prefix}post_attention_layernorm.weight"] = np.ones(HIDDEN, np.float32)
    return weights
