"""Records that could not be read at all."""

from __future__ import annotations

from sde_core.checks.findings import CheckContext, Finding


class BadLines:
    """Malformed lines, as the reader quarantined them."""

    name = "bad-line"
    title = "Lines that are not records"
    advice = "They are left out of everything; mend them in the file if they matter."

    def run(self, context: CheckContext) -> list[Finding]:
        """One finding a malformed record."""
        return [
            Finding(self.name, "error", (bad.row,), f"Line {bad.line} is not a record: {bad.message}.", bad.excerpt or "(empty)")
            for bad in context.dataset.bad
        ]  # fmt: skip
