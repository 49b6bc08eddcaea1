"""Chat templates in the public forms of well-known model families, written for the tests from their descriptions."""

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Instruction markers around the user's words, trimmed contents, a space around answers; a system message joins the first instruction.
INST = (
    "{{ bos_token }}{% set ns = namespace(system='') %}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{% set ns.system = message['content'] + '\n\n' %}"
    "{% elif message['role'] == 'user' %}[INST] {{ ns.system + (message['content'] | trim) }} [/INST]{% set ns.system = '' %}"
    "{% elif message['role'] == 'assistant' %} {{ message['content'] | trim }} {{ eos_token }}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)
HEADERS = (
    "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n{{ message['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
# No system role, "model" for the assistant, and strictly alternating turns.
TURNS = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}"
    "<start_of_turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n{{ message['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
# Drops the reasoning of all answers but the last, which no placeholder can foresee.
THINKING = (
    "{% for message in messages %}{% set text = message['content'] %}"
    "{% if message['role'] == 'assistant' and not loop.last and '</think>' in text %}{% set text = text.split('</think>')[-1].lstrip() %}{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{{ text }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Answers are closed by nothing at all, and marked for programs that ask the template which tokens are the assistant's.
UNCLOSED = (
    "{% for message in messages %}{{ message['role'] }}: {% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] }}{% endgeneration %}"
    "{% else %}{{ message['content'] }}{% endif %}{{ '\\n' }}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
)
ALL = {"chatml": CHATML, "inst": INST, "headers": HEADERS, "turns": TURNS, "thinking": THINKING, "unclosed": UNCLOSED}

_ANSWERS = {
    "chatml": ("{{ message['content'] }}<|im_end|>\n", "{{ message['content'] }}<|im_end|>", "{{ '\n' }}"),
    "inst": (" {{ message['content'] | trim }} {{ eos_token }}", " {{ message['content'] | trim }} {{ eos_token }}", ""),
    "headers": ("{{ message['content'] | trim }}<|eot_id|>", "{{ message['content'] | trim }}<|eot_id|>", ""),
    "turns": ("{{ message['content'] | trim }}<end_of_turn>\n", "{{ message['content'] | trim }}<end_of_turn>", "{{ '\n' }}"),
    "thinking": ("{{ text }}<|im_end|>\n", "{{ text }}<|im_end|>", "{{ '\n' }}"),
}
"""What a form writes for a message, split into the part that is generated and what follows it."""


def marked(name: str) -> str:
    """The same form with the answers and their end token marked as generated, which renders to the same text."""
    written, generated, rest = _ANSWERS[name]
    assert ALL[name].count(written) == 1 or name == "inst"
    block = "{% if message['role'] == 'assistant' %}{% generation %}" + generated + "{% endgeneration %}{% else %}" + generated + "{% endif %}" + rest
    before, _, after = ALL[name].rpartition(written)
    return before + block + after
