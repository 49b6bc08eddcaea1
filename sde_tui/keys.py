"""Every key of the app, once.

The table feeds the bindings, the footer, the `?` screen, the palette, the README and a test. A key names an action; the action is a method
`action_NAME` of the screen (or, for scope "global", of the screen or else the app; for a widget's scope, of the widget). A method `why_not_NAME`
beside it may say why the key does nothing now: the sentence is flashed instead, the footer dims the key and the palette leaves it out.

The keys of what opens over a screen stand in `dialog_keys`.

Lower case acts on this row or the marked rows, upper case on all rows that match, after asking with their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sde_tui.dialog_keys import DIALOG_KEYS, DIALOG_TITLES
from sde_tui.key import Key, shown_key

__all__ = ["DIALOG_TITLES", "KEYS", "SCOPE_TITLES", "Key", "footer_keys", "keys_of", "markdown_table", "shown_key"]

SCOPE_TITLES = {"list": "In lists", "record": "In a record's text", "map": "In the map of rows"}
"""Scopes whose keys belong to a widget that has the focus, on whichever screen it stands."""

_SCREEN_KEYS: tuple[Key, ...] = (
    # ---- everywhere
    Key("global", "question_mark,f1", "help", "Keys", "All keys of this screen, searchable.", 1),
    Key("global", "colon,ctrl+p", "palette", "Commands", "Every action that is possible now, by name; `row 4211` jumps to a row."),
    Key("global", "q,ctrl+c,ctrl+q", "quit", "Quit", "Leave; decisions are on the disk already, and jobs keep running.", 9),
    Key("global", "backspace", "back", "Back", "Return to the exact place you came from."),
    Key("global", "u", "undo", "Undo", "Take the last decision back, whatever it was, also after a restart."),
    Key("global", "U", "redo", "Redo", "Restore what was undone last."),
    Key("global", "F", "fine_tune", "Fine-tune", "Start the fine-tune of the project's recipe on the training set as a detached job."),
    Key("global", "y", "copy", "Copy", "Copy what the cursor stands on, to the terminal's clipboard and to a file."),
    Key("global", "exclamation_mark", "command", "Command", "Show, and copy, the command line that does the same as this screen."),
    Key("global", "ctrl+x", "stop_work", "Stop work", "Stop the reading, filtering or checking that runs now."),
    Key("global", "ctrl+l", "repaint", "Repaint", "Draw the whole screen again."),
    Key("global", "ctrl+t", "theme", "Theme", "Dark, light, or the terminal's own 16 colours."),
    # ---- any list or table that has the focus
    Key("list", "down,j", "cursor_down", "Down", "One line down."),
    Key("list", "up,k", "cursor_up", "Up", "One line up."),
    Key("list", "pagedown,ctrl+f", "page_down", "Page down", "One page down."),
    Key("list", "pageup,ctrl+b", "page_up", "Page up", "One page up."),
    Key("list", "home,g", "cursor_top", "First", "The first line."),
    Key("list", "end,G", "cursor_bottom", "Last", "The last line."),
    # ---- the text of a record
    Key("record", "down,j", "scroll_lines(1)", "Down", "One line down in the record."),
    Key("record", "up,k", "scroll_lines(-1)", "Up", "One line up in the record."),
    Key("record", "pagedown,ctrl+f", "scroll_pages(1)", "Page down", "One page down in the record."),
    Key("record", "pageup,ctrl+b", "scroll_pages(-1)", "Page up", "One page up in the record."),
    Key("record", "home,g", "scroll_top", "Top", "The record's first line."),
    Key("record", "end,G", "scroll_bottom", "End", "The record's last line."),
    # ---- the map of the embedding space
    Key("map", "down,j", "step(1,0)", "Down", "One cell down."),
    Key("map", "up,k", "step(-1,0)", "Up", "One cell up."),
    Key("map", "right", "step(0,1)", "Right", "One cell to the right."),
    Key("map", "left", "step(0,-1)", "Left", "One cell to the left."),
    Key("map", "z", "zoom_in", "Zoom in", "Show half as much each way around the cell."),
    Key("map", "Z", "zoom_out", "Zoom out", "Show what was shown before."),
    Key("map", "d", "bare", "Dots alone", "Hide the signs of the chosen rows, so that only the dots of all rows are seen, and back."),
    # ---- 1 Overview
    Key(
        "overview",
        "enter",
        "open_line",
        "Open",
        "Go where the line points. Damage = rows x severity (error 1, warning 0.4, info 0.05) x certainty.",
        1,
    ),
    Key("overview", "r", "check", "Check", "Run all checks on all rows, again if they have run.", 2),
    Key("overview", "s", "silence", "Silence", "Let what a check found stand, with a reason, in sde.toml; on a silenced line, take that back.", 3),
    Key("overview", "w", "write_report", "Report", "Write what was found as one page: Markdown, JSON or SARIF, as the file's name ends."),
    Key("overview", "m", "mapping", "Fields", "Correct which field is the prompt, the answer, the label.", 4),
    # ---- 2 Records
    Key("records", "enter,z", "zoom", "Read", "Read the record in full, and back to the table.", 1),
    Key("records", "slash", "filter", "Filter", "Show only rows that hold this text; filters while you type.", 2),
    Key("records", "a", "accept", "Accept", "Accept this row or the marked rows for the training set.", 3),
    Key("records", "x", "reject", "Reject", "Reject this row or the marked rows; what was found on a row is the reason.", 4),
    Key("records", "r", "reject_because", "Reject because", "Reject this row or the marked rows with a reason of your own."),
    Key("records", "c", "clear", "Undecide", "Make this row or the marked rows undecided again."),
    Key("records", "A", "accept_all", "Accept all", "Accept all rows of this view, after asking."),
    Key("records", "X", "reject_all", "Reject all", "Reject all rows of this view with one reason, after asking."),
    Key("records", "C", "clear_all", "Undecide all", "Make all rows of this view undecided, after asking."),
    Key("records", "e", "edit", "Edit", "Edit a turn of this row; saved as a decision, the file stays as it is."),
    Key("records", "space", "mark", "Mark", "Mark this row, or take the mark off, and go one down.", 5),
    Key("records", "asterisk", "invert_marks", "Invert marks", "Mark what is not marked in this view, and the other way round."),
    Key("records", "escape", "unfilter", "Clear filter", "Drop the filter; without one, drop the marks."),
    Key("records", "n", "next_undecided", "Next", "The next undecided row that matches."),
    Key("records", "N", "previous_undecided", "Previous", "The previous undecided row that matches."),
    Key(
        "records",
        "o",
        "only",
        "Only…",
        "Show only accepted, rejected, undecided, marked, found faulty or unreadable rows, or those of a step of a run.",
    ),
    Key("records", "s", "sort", "Sort…", "File order, by length, by findings, by quality, or by what rows cost in a fine-tune."),
    Key("records", "v", "layout", "Layout", "Table alone, table over record, or side by side."),
    Key("records", "tab", "switch_pane", "Other pane", "Move between the table and the record."),
    Key("records", "w", "whole_text", "Whole text", "Show all of a text that is cut at 20,000 characters."),
    Key("records", "t", "tokens", "Tokens", "Show which tokens of this record the fine-tune trains on."),
    Key("records", "i", "source", "Raw", "Show the record as it stands in the file, and back."),
    Key("records", "m", "mapping", "Fields", "Correct which field is the prompt, the answer, the label."),
    # ---- 3 Balance
    Key("balance", "enter", "open_rows", "Rows", "Show the rows of the class or cell under the cursor, or compute a field that is not computed.", 1),
    Key("balance", "right", "next_field", "Field", "The next field; in a table of pairs the next column.", 2),
    Key("balance", "left", "previous_field", "Previous field", "The field before, or the column before."),
    Key("balance", "t", "target", "Target…", "Say which share this class should have; the rows to drop or to add are worked out.", 3),
    Key("balance", "X", "reject_surplus", "Drop…", "Reject the rows that the targets have no room for, after asking; each with its reason."),
    Key("balance", "b", "by", "Against…", "Count each pair of classes of this field and another one, and back.", 4),
    Key("balance", "l", "labels", "Label errors", "Look for labels of this field that are likely wrong, with suggestions and evidence."),
    Key("balance", "escape", "no_targets", "No targets", "Leave the table of pairs; without one, forget the targets of this field."),
    Key("balance", "v", "which", "Which rows", "Count the rows not rejected, all rows, or the accepted rows."),
    Key("balance", "s", "sort", "Sort", "Most frequent first, or by name."),
    Key("balance", "tab", "switch_pane", "Other pane", "Move between the fields and the classes."),
    Key("balance", "r", "count", "Count", "Count again, after texts were edited.", 5),
    # ---- 4 Duplicates
    Key("duplicates", "enter", "open_rows", "Rows", "Show the rows of this group.", 3),
    Key("duplicates", "a", "keep_one", "Keep one", "Keep one row of this group and reject the others; each reason names the kept row.", 1),
    Key("duplicates", "A", "keep_one_all", "All groups", "Keep one row of every group shown and reject the others, after asking.", 2),
    Key("duplicates", "left_square_bracket", "looser", "Looser", "Lower the threshold: more and larger groups.", 4),
    Key("duplicates", "right_square_bracket", "stricter", "Stricter", "Raise the threshold: fewer and smaller groups.", 5),
    Key("duplicates", "right", "next_member", "Next row", "Compare the kept row with the next row of its group."),
    Key("duplicates", "left", "previous_member", "Previous row", "Compare the kept row with the row before."),
    Key("duplicates", "p", "policy", "Keep which…", "Keep the first row of each group, the longest answer, the best, or what most of the group say."),
    Key("duplicates", "i", "keep_instead", "Keep this one", "Keep the row at the right of this group, whatever the policy."),
    Key("duplicates", "o", "kind", "Only…", "Show only exact, normalised, near or semantic duplicates."),
    Key("duplicates", "c", "part", "Compare…", "Compare prompt and answer, prompts alone, or answers alone."),
    Key("duplicates", "s", "semantic", "By meaning", "Look for semantic duplicates too, by embedding, or leave them out."),
    Key("duplicates", "h", "against", "Held-out…", "Compare with a held-out or benchmark file, and list the rows that it holds too."),
    Key("duplicates", "w", "whole", "Whole texts", "Show the whole texts, or the differences with some words around them."),
    Key("duplicates", "v", "layout", "Layout", "The two texts side by side, or one below the other."),
    Key("duplicates", "tab", "switch_pane", "Other pane", "Move between the groups and the texts."),
    Key("duplicates", "r", "compare", "Compare", "Compare all rows, again if texts were edited."),
    # ---- 5 Formats
    Key("formats", "enter", "open_rows", "Rows", "Show the rows behind the check, the group, or the shape under the cursor.", 1),
    Key("formats", "f", "fix", "Fix", "Apply the safe fix to this finding; the lines - and + show what it changes.", 2),
    Key("formats", "A", "fix_all", "Fix all", "Apply the safe fix to all rows of this check, after asking.", 3),
    Key("formats", "x", "reject", "Reject", "Reject the row of this finding; the finding is the reason.", 4),
    Key("formats", "X", "reject_all", "Reject all", "Reject all rows of this check, after asking."),
    Key("formats", "tab", "switch_pane", "Other pane", "Move between the checks and groups, and what was found.", 5),
    Key("formats", "r", "check", "Check", "Run all checks again, and group the answers again."),
    # ---- 6 Rules
    Key("rules", "enter", "open_rows", "Rows", "Show the rows behind the bar under the cursor, or all rows by this rule, lowest score first.", 1),
    Key("rules", "plus,equals_sign", "more", "More", "Choose one rule more.", 4),
    Key("rules", "minus", "fewer", "Fewer", "Choose one rule fewer.", 5),
    Key("rules", "p", "pin", "Pin", "Always choose this rule, or take the pin off."),
    Key("rules", "b", "ban", "Ban", "Never choose this rule, or lift the ban."),
    Key("rules", "v", "map", "Correlations", "The square of correlations between rules, and back to the list."),
    Key("rules", "o", "pack", "Pack…", "Score by the general rules alone, or by those for code, maths, medical texts or reviews too."),
    Key("rules", "m", "method", "Method…", "Choose how to choose: greedy on correlations (default), or the paper's k-DPP sample."),
    Key("rules", "w", "weights", "Weights…", "Take quality from weights fitted to labels, or from the default, which needs none."),
    Key("rules", "s", "sample", "Sample", "Draw another sample with the next seed, where the method draws."),
    Key("rules", "t", "compare_rows", "Compare rows", "Say which of two rows is better, scores unseen; hold every rule against your answers.", 3),
    Key("rules", "e", "rule_book", "Rule book", "Describe the task, write rules in plain language or let a model write them and rate rows.", 2),
    Key("rules", "right", "bar_right", "Next bar", "The next bar of the histogram, or column of the square."),
    Key("rules", "left", "bar_left", "Previous bar", "The bar before, or the column before."),
    Key("rules", "escape", "no_bar", "No bar", "Leave the histogram's bars, or the square."),
    Key("rules", "r", "score", "Score", "Score all rows by all rules, again if texts were edited."),
    # ---- 7 Select
    Key("select", "A", "accept_all", "Accept all", "Accept the whole proposal as one decision, after asking.", 1),
    Key("select", "l", "lock", "Lock", "Keep this row or the marked rows in every proposal without deciding, or unlock.", 2),
    Key("select", "w", "swap", "Swap", "Put the most similar row of at least similar quality in this row's place, after showing both.", 3),
    Key("select", "greater_than_sign", "more_like", "More like", "Propose more rows like this one or the marked ones; again for more still.", 4),
    Key("select", "less_than_sign", "fewer_like", "Fewer", "Propose fewer rows like this one or the marked ones; takes a “more like” back.", 5),
    Key("select", "a", "accept", "Accept", "Accept this row or the marked rows; they stay in the proposal."),
    Key("select", "x", "reject", "Reject", "Reject this row or the marked rows; they leave the proposal."),
    Key("select", "b", "ban", "Ban", "Keep this row or the marked rows out of every proposal without deciding, or lift the ban."),
    Key("select", "c", "clear", "Undecide", "Make this row or the marked rows undecided again."),
    Key("select", "right", "quality", "Quality", "Weigh quality more against diversity, or against chance where the method draws by quality."),
    Key("select", "left", "diversity", "Diversity", "Weigh diversity more against quality, or chance where the method draws by quality."),
    Key("select", "plus,equals_sign", "more", "More", "Propose more rows."),
    Key("select", "minus", "fewer", "Fewer rows", "Propose fewer rows."),
    Key("select", "n", "size", "Size…", "Type how many rows to propose, as a number or a percentage."),
    Key("select", "t", "budget", "Tokens…", "Type how many tokens the proposal may have in all; nothing for no such budget."),
    Key("select", "o", "quotas", "Quotas…", "Keep the shares of classes, sources or clusters as they are in all rows, or make them equal."),
    Key("select", "m", "method", "Method…", "Choose how to choose: the DPP (default), at random, by class, the best, k-center and others."),
    Key("select", "e", "encoder", "Encoder…", "Name what embeds: static, or a sentence-transformers model, by a job; again stops it."),
    Key("select", "s", "sample", "Sample", "Draw again with the next seed, where the method draws."),
    Key("select", "v", "list", "List", "The proposal, what moved when it was last solved and why, your wishes, or the rows that you asked about."),
    Key("select", "p", "map", "Map", "The map of the embedding space in place of the list, and back."),
    Key("select", "i", "figures", "Figures", "The whole table of coverage in place of the list, and back."),
    Key("select", "slash", "look_up", "Row…", "Ask about any row by its number: what it would add, and who stands in its way."),
    Key("select", "enter", "read", "Read", "Read the row in Records among the rows of this list, or all rows of the map's cell."),
    Key("select", "tab", "switch_pane", "Other pane", "Move between the list and the map."),
    Key("select", "space", "mark", "Mark", "Mark this row, or take the mark off, and go one down."),
    Key("select", "escape", "unmark", "Unmark", "Take all marks off."),
    Key("select", "r", "propose", "Propose", "Embed and score the rows and propose a subset, where that did not start by itself."),
    # ---- 8 Design
    Key("design", "right", "option_next", "Change", "The next value of the option under the cursor, in the design that is marked.", 1),
    Key("design", "left", "option_previous", "Change back", "The value before."),
    Key("design", "v", "side", "Other side", "Change the next design: the left one, the right one."),
    Key("design", "p", "preset", "Preset…", "Take a preset: ES-SDE, EW-SDE, heuristic, or the paper's baseline.", 4),
    Key("design", "plus,equals_sign", "add_design", "One more", "Show one design more, where the terminal is wide enough."),
    Key("design", "minus", "remove_design", "One fewer", "Take the marked design away; two stay."),
    Key("design", "right_square_bracket", "record_next", "Next record", "Show the next record in all designs."),
    Key("design", "left_square_bracket", "record_previous", "Previous record", "Show the record before."),
    Key("design", "slash", "look_up", "Row…", "Show the record of a row by its number."),
    Key("design", "i", "wording", "Wording", "The next wording of the task's instruction."),
    Key("design", "e", "task", "Task…", "Edit the task, its fields, targets, values with numbers, instructions; kept beside the data.", 2),
    Key("design", "r", "read_task", "Read task…", "Read the task from a YAML file."),
    Key("design", "o", "misfits", "Misfits…", "List the rows that do not fit the task, each with the reason."),
    Key("design", "f", "followed", "Followed…", "Tell which design each row follows, and turn all into one.", 3),
    Key("design", "m", "measure", "Measure", "Measure the perplexity of the shown designs under the base model, as a job; stops one that runs.", 5),
    Key("design", "c", "compare", "Compare…", "Train the records in several designs and see which tunes best, with intervals; live, as a job."),
    Key("design", "n", "count_all", "Count all", "Count the tokens of all records, where there are so many that only the first were counted."),
    Key("design", "w", "write", "Write…", "Write all records as samples of the marked design, to a file that trains."),
    Key("design", "tab", "switch_pane", "Other pane", "Move between the options and the samples."),
    # ---- 9 Train
    Key("train", "enter", "open_line", "Rows", "Show in Records the rows behind the line: those of a kind, or those of a run.", 1),
    Key("train", "s", "stop", "Stop", "Stop the run shown: it saves a checkpoint first, after asking.", 2),
    Key("train", "r", "resume", "Resume", "Go on with the run shown, from what it saved last.", 3),
    Key(
        "train",
        "h",
        "runs",
        "Runs",
        "All runs: those that wait, to be put in order or cancelled, and the history with recipes, rows and differences.",
    ),
    Key("train", "P", "pause", "Pause", "Let the run shown save and leave its device to others, until r goes on with it."),
    Key("train", "plus", "extend", "Extend…", "Give the run shown more steps or epochs than were planned; it goes on from its last checkpoint."),
    Key("train", "e", "recipe", "Recipe…", "Change values of the recipe that the fine-tune uses, such as max_steps=200.", 4),
    Key(
        "train",
        "right",
        "later",
        "Later step",
        "Put the cursor on the step that stands out most, then on later ones; enter shows the step's rows. Without a cursor on a part: a later part.",
    ),
    Key("train", "left", "earlier", "Earlier step", "The same for earlier steps."),
    Key("train", "space", "cursor", "Cursor", "Put the cursor on the step of this part that stands out most, or take it off."),
    Key("train", "escape", "no_step", "All steps", "Take the cursor off the chart; then show all steps again; then take other runs off."),
    Key("train", "z", "zoom_in", "Zoom in", "Show half as many steps: around the cursor, or the last ones, which follow the run."),
    Key("train", "Z", "zoom_out", "Zoom out", "Show twice as many steps, at last all."),
    Key("train", "L", "log_scale", "Log scale", "Draw on a logarithmic scale, and back."),
    Key("train", "m", "smooth", "Smoothing", "Average over more or fewer values, or draw the values alone."),
    Key(
        "train",
        "v",
        "quantity",
        "Quantity",
        "Draw the learning rate, the gradient norm, tokens/s or memory in place of the loss, one after the other.",
    ),
    Key("train", "x", "tokens", "Over tokens", "Draw over tokens seen in place of steps, which is fair to runs with other batches, and back."),
    Key("train", "o", "overlay", "Other runs…", "Lay up to three other runs of this dataset over the chart, or take them off."),
    Key("train", "i", "answers", "Answers", "Read what the model answered to a few prompts while it trained."),
    Key("train", "l", "losses", "By loss", "Show in Records the rows of the run shown, the highest loss above that of its time first."),
    Key("train", "b", "groups", "By group", "The loss of rows by class, source, template, topic or length; enter there shows a group's rows."),
    Key("train", "c", "arms", "Arms…", "Did it pay? Train parts of the data on one token budget and compare them on the same held-out rows."),
    Key("train", "t", "try_model", "Try…", "Ask the base model and the adapter of the run shown the same prompt, side by side, and tag what fails."),
    Key("train", "w", "hand_over", "Hand over…", "Write the run shown into a folder: adapter, card, rows, and recipes for other tools."),
    Key("train", "p", "preflight", "Preflight", "Find out what would train, again if texts or decisions changed.", 5),
    Key("train", "d", "probe", "Duration", "Measure on a few real steps how long the fine-tune would take, and how much memory."),
)

KEYS: tuple[Key, ...] = (*_SCREEN_KEYS, *DIALOG_KEYS)


def keys_of(*scopes: str, keys: Iterable[Key] = KEYS) -> tuple[Key, ...]:
    """The keys of these scopes, in the table's order."""
    return tuple(key for key in keys if key.scope in scopes)


def footer_keys(screen: str, room: int = 6, *, everywhere: str = "global") -> tuple[Key, ...]:
    """The keys that the footer shows: help first, then the screen's own by rank, then what else is ranked everywhere.

    Args:
        screen: The scope of a screen or a dialog.
        room: At most so many.
        everywhere: The scope of what works on every screen, or in every dialog.
    """
    shared = keys_of(everywhere)
    help_key = next(key for key in shared if key.action == "help")
    ranked = [key for scope in (keys_of(screen), shared) for key in sorted(scope, key=lambda key: key.rank) if key.rank and key is not help_key]
    return (help_key, *ranked)[:room]


def markdown_table(screens: Sequence[tuple[str, str]]) -> str:
    """The table of all keys for the README.

    Args:
        screens: (name, title) of each screen in order.
    """
    titles = {"global": "Everywhere", **dict(screens), **SCOPE_TITLES, **DIALOG_TITLES}
    lines = ["| where | key | what it does |", "|---|---|---|"]
    for scope, title in titles.items():
        lines += [f"| {title} | {_markdown_keys(key)} | {key.help} |" for key in keys_of(scope)]
    return "\n".join(lines) + "\n"


def _markdown_keys(key: Key) -> str:
    return " ".join(f"`{shown_key(name)}`" for name in key.key.split(","))
