"""Word lists that rules look for. English only, and the rules' definitions say so."""

from __future__ import annotations


def _each(words: str) -> tuple[str, ...]:
    return tuple(words.split())


FUNCTION_WORDS: tuple[str, ...] = _each(
    """a about above after again against all also am an and any are as at be because been before being below between both but by can could did do
    does doing down during each few for from further had has have having he her here hers him his how i if in into is it it's its itself just
    may me might more most must my no nor not now of off on once one only or other our out over own same shall she should so some such than
    that the their them then there these they this those through to too under until up upon us very was we were what when where which while
    who whom why will with within without would you your yours"""
)
"""Words that carry grammar rather than content."""

TASK_VERBS: tuple[str, ...] = _each(
    """add analyse analyze answer arrange assess brainstorm build calculate categorise categorize change check choose cite classify come combine
    compare complete compose compute construct convert correct count create decide define delete describe design detect determine develop
    devise differentiate discuss divide draft edit elaborate estimate evaluate expand explain explore extract fill find fix form formulate
    generate give group guess help identify imagine implement improve infer insert interpret invent label list make match name offer order
    organise organize outline paraphrase parse plan point predict prepare present produce propose prove provide put rank rate read recommend
    reduce remove rename reorder repeat rephrase replace report research respond return revise rewrite search select separate show simplify
    solve sort specify split state suggest summarise summarize take tell think transform translate turn use verify visualise visualize weigh
    write"""
)
"""Verbs with which an instruction begins."""

TASK_NOUNS: tuple[str, ...] = _each(
    """above answer answers appropriate article below brief content context correct detailed essay example examples explanation following format given
    input instruction instructions item items list output paragraph passage phrase phrases piece please possible provided question questions reason
    reasons response result sentence sentences short statement step steps summary table task text word words"""
)
"""Words of an instruction that speak of the task itself, besides `TASK_VERBS`."""

QUESTION_WORDS: tuple[str, ...] = _each(
    """are can could did do does had has have how is may should was were what when where which who whom whose why will would
"""
)
"""Words with which a question begins."""

VAGUE_WORDS: tuple[str, ...] = (
    "thing", "things", "stuff", "something", "somehow", "somewhat", "sort of", "kind of", "etc", "and so on", "various", "several", "many", "a lot",
    "lots of", "very", "really", "quite", "pretty much", "good", "nice", "great", "bad", "interesting", "important", "different", "some kind",
    "in general", "generally", "usually", "often", "basically",
)  # fmt: skip
"""Words that could stand in any answer."""

HEDGES: tuple[str, ...] = (
    "maybe", "perhaps", "possibly", "probably", "might", "may be", "could be", "seems", "seem", "appears to", "i think", "i believe", "i guess",
    "it depends", "likely", "unlikely", "arguably", "more or less", "not sure", "not certain", "i don't know",
)  # fmt: skip
"""Words that hold back from a statement."""

REASONS: tuple[str, ...] = (
    "because", "since", "therefore", "thus", "hence", "so that", "as a result", "this means", "which means", "due to", "consequently", "in order to",
    "leads to", "led to", "causes", "caused by", "the reason", "it follows", "given that", "that is why", "this is why",
)  # fmt: skip
"""Words that join a claim to its ground."""

CONTRASTS: tuple[str, ...] = (
    "however", "although", "though", "but", "whereas", "on the other hand", "in contrast", "instead", "unlike", "despite", "in spite of",
    "nevertheless", "rather than", "even if", "except", "unless", "on the contrary", "otherwise",
)  # fmt: skip
"""Words that weigh one thing against another."""

STEPS: tuple[str, ...] = (
    "first", "firstly", "second", "secondly", "third", "thirdly", "then", "next", "after that", "finally", "lastly", "to begin", "to start",
    "step \\d+", "once you", "before you",
)  # fmt: skip
"""Words that put steps in order (regular expressions)."""

EXAMPLES: tuple[str, ...] = ("for example", "for instance", "such as", "e\\.g\\.", "including", "to illustrate", "examples include", "like this")
"""Words that introduce an example (regular expressions)."""


def any_of(words: tuple[str, ...]) -> str:
    r"""A regular expression for any of the words, whole and in lower case: \b(?:…)\b, without the last \b after a dot."""
    return r"\b(?:" + "|".join(word if word.endswith(".") else word + r"\b" for word in sorted(words, key=len, reverse=True)) + ")"
