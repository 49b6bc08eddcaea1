"""The options that say how a run trains, stated once for every command that trains or foretells it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from sde_core.project import Project
    from sde_core.train.recipe import Recipe

CommandFunction = TypeVar("CommandFunction", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class AskedRecipe:
    """What the options say.

    Attributes:
        model: A model folder or hub name, None for the recipe's.
        file: A recipe, None for the project's.
        settings: KEY=VALUE pairs that change it.
    """

    model: str | None
    file: Path | None
    settings: tuple[str, ...]

    def recipe(self, project: Project) -> Recipe:
        """The recipe of the command: the file's or the project's, with what the options change.

        Raises:
            InputError: When it cannot be read.
            UsageError: When a value is not of the field's kind.
        """
        from sde_core.train.recipe import project_recipe, read_recipe, with_settings

        recipe = read_recipe(self.file) if self.file else project_recipe(project)
        return with_settings(recipe if self.model is None else replace(recipe, model=self.model), self.settings)


def recipe_options(function: CommandFunction) -> CommandFunction:
    """Adds --model, --recipe and --set; the command gets them as `asked`, an `AskedRecipe`."""

    @click.option("--model", help="A model folder or hub name; that of the recipe when omitted.")
    @click.option("--recipe", "recipe_file", type=click.Path(path_type=Path), help="A recipe in JSON or YAML; the dataset's own when omitted.")
    @click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="One value of the recipe; repeatable.")
    @functools.wraps(function)
    def wrapped(*args: Any, model: str | None, recipe_file: Path | None, settings: tuple[str, ...], **options: Any) -> Any:
        return function(*args, asked=AskedRecipe(model, recipe_file, settings), **options)

    return wrapped  # type: ignore[return-value]
