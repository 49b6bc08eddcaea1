"""A sentence-transformers model of four words, made in a moment."""

from __future__ import annotations

from pathlib import Path


def tiny_sentence_model(folder: Path, sentence_transformers) -> Path:
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "green", "apple", "pear"]
    bert = folder.with_name("bert")
    config = BertConfig(vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    BertModel(config).save_pretrained(bert)
    BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}).save_pretrained(bert)
    sentence_transformers.SentenceTransformer(str(bert), device="cpu").save(str(folder))
    return folder
