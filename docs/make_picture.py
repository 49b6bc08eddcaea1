"""Draws README's picture: the overview of the sample dataset, as the app shows it.

Run from the root of a checkout: python docs/make_picture.py
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from pathlib import Path

from sde_core.dataset import open_dataset
from sde_core.embedded import embedded_path
from sde_core.project import Project
from sde_tui.app import SdeApp

_SIZE = (100, 30)


async def picture() -> str:
    """The app's screen as SVG, once its checks are done."""
    folder = Path(tempfile.gettempdir()) / "data"
    folder.mkdir(exist_ok=True)
    data = Path(shutil.copy(embedded_path("dataset"), folder))
    with tempfile.TemporaryDirectory() as state:
        app = SdeApp(open_dataset(data), Project(Path(state), beside_data=False))
        async with app.run_test(size=_SIZE) as pilot:
            for _ in range(8):
                await pilot.pause(0.2)
                await app.workers.wait_for_complete()
            return app.export_screenshot(title="sde support.jsonl")


def without_web_fonts(svg: str) -> str:
    """The picture without fonts that a viewer would fetch from elsewhere."""
    return re.sub(r"@font-face\s*\{.*?\}\s*", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    target = Path(__file__).resolve().with_name("overview.svg")
    target.write_text(without_web_fonts(asyncio.run(picture())), encoding="utf-8")
