"""System prompts that some conversations have and others do not."""

from __future__ import annotations

import polars as pl

from sde_core.checks.findings import CheckContext, Finding

_FEWEST = 40
_NEARLY_ALL = 0.95


class MixedSystem:
    """Conversations with a system prompt beside others without; where nearly all have one, `missing-system` names the others."""

    name = "mixed-system"
    title = "System prompts in some conversations only"
    advice = "Give every conversation one, or none, unless the model is to work both ways."

    def run(self, context: CheckContext) -> list[Finding]:
        """At most one finding, with the rows of the smaller part."""
        asked = context.texts.filter(pl.col("roles").str.contains("ua"))
        having = asked.filter(pl.col("system").str.contains(r"\S"))
        share = having.height / max(asked.height, 1)
        if asked.height < _FEWEST or share == 0 or share >= _NEARLY_ALL:
            return []
        smaller = having if share <= 0.5 else asked.join(having.select("row"), on="row", how="anti")
        said = f"{having.height:,} of {asked.height:,} conversations ({share:.1%}) have a system prompt."
        kinds = having["system"].n_unique()
        evidence = f"{kinds:,} different, the commonest: {having['system'].value_counts(sort=True)['system'][0][:100]}"
        return [Finding(self.name, "info", tuple(smaller["row"].to_list()), said, evidence, "system", 0.3)]
