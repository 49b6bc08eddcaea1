"""Tokenizers as they are loaded: what is wrong with a folder, and the same tokens and templates as the transformers library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import chat_forms
import pytest
from tiny_model import make_tiny_model

from sde_core.errors import ModelError
from sde_core.train.tokenizer import load_tokenizer, model_location

ROOT = Path(__file__).resolve().parents[2]
STORIES = ROOT.parent / "shared" / "models" / "stories260K"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Model folders, the first without a chat template."""
    made = tmp_path_factory.mktemp("models")
    forms = {"plain": "", **chat_forms.ALL}
    return [make_tiny_model(made / name, template=form, bos=not form) for name, form in forms.items()]


def test_loading_says_what_is_wrong(tmp_path, folders):
    (tmp_path / "notes.txt").write_text("no model")
    with pytest.raises(ModelError, match="has no config"):
        load_tokenizer(str(tmp_path))
    with pytest.raises(ModelError, match="no model folder at"):
        load_tokenizer(str(tmp_path / "absent"))
    with pytest.raises(ModelError, match="no model folder at"):
        load_tokenizer(str(tmp_path / "notes.txt"))
    broken = make_tiny_model(tmp_path / "broken")
    (broken / "tokenizer.json").write_text('{"version": "1.0"')
    with pytest.raises(ModelError, match="broken"):
        load_tokenizer(str(broken))
    assert model_location(str(folders[0])) == str(folders[0].resolve())


def test_a_tokenizer_without_a_pad_token_pads_with_its_end_token(tmp_path):
    tokenizer = load_tokenizer(str(make_tiny_model(tmp_path / "m", pad=False)))
    assert tokenizer.pad_id == tokenizer.eos_id


COMPARE = """
import json, sys
from transformers import AutoTokenizer
from sde_core.train.tokenizer import load_tokenizer
messages = json.loads(sys.argv[1])
answers = []
for folder in sys.argv[2:]:
    theirs, ours = AutoTokenizer.from_pretrained(folder), load_tokenizer(folder)
    assert not ours.template_source == "" or theirs.chat_template is None
    text = "the cat sat \\u4e2d on </s> a mat"
    same = theirs(text)["input_ids"] == [*ours.prefix_ids, *ours.backend.encode(text, add_special_tokens=False).ids]
    same &= (theirs.eos_token_id, theirs.bos_token) == (ours.eos_id, ours.special_tokens.get("bos_token"))
    if theirs.chat_template:
        for prompt in (False, True):
            same &= theirs.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt) == ours.chat_template.render(messages, generation_prompt=prompt)
        rendered = ours.chat_template.render(messages)
        same &= theirs.apply_chat_template(messages, return_dict=False) == ours.backend.encode(rendered, add_special_tokens=False).ids
    answers.append(bool(same))
print(json.dumps(answers))
"""


def test_tokens_and_templates_are_those_of_transformers(folders):
    paths = [str(folder) for folder in folders] + ([str(STORIES)] if STORIES.exists() else [])
    messages = [
        {"role": "user", "content": " the <cat> & "},
        {"role": "assistant", "content": "sat on </think> a\n"},
        {"role": "user", "content": "and"},
    ]
    finished = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COMPARE, json.dumps(messages), *paths],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert json.loads(finished.stdout) == [True] * len(paths)
