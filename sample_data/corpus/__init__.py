"""Text of the fictional Tidewell Library and Workshop, made from hand-written fragments.

`clean_conversations` yields exchanges in the desk's own style, without end; `background_text` yields plain prose and dialogue about the same
place in no style of the desk. Both depend on the seed alone.
"""

from __future__ import annotations

from corpus.generate import TASKS, background_text, clean_conversations, draw_conversation
from corpus.text import Conversation
from corpus.triage import CATEGORIES

__all__ = ["CATEGORIES", "TASKS", "Conversation", "background_text", "clean_conversations", "draw_conversation"]
