"""One self-contained HTML page: the table, the figure, the curves, and a browser of examples."""

import base64
import datetime
import html
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from fsa_jax.experiments.report import text
from fsa_jax.experiments.report.examples import examples
from fsa_jax.experiments.tables import Cell, Row, Table

_HERE = Path(__file__).parent
_CONTROLS = """
<div class='controls'>
  <label>task <select id='task'></select></label>
  <label>system <select id='first'></select></label>
  <label>beside it <select id='second'></select></label>
  <label class='wide'>words <input type='search' id='words'></label>
  <span class='ticks'>
    <label><input type='checkbox' data-flag='i'> implicit</label>
    <label><input type='checkbox' data-flag='m'> multiple</label>
    <label><input type='checkbox' data-flag='h'> hard</label>
    <label><input type='checkbox' id='wrong'> wrong only</label>
    <label><input type='checkbox' id='differ'> one right, one wrong</label>
  </span>
</div>
<p class='soft' id='count'></p><div id='list'></div><button id='more'>more</button>
"""


def html_page(table: Table, picture: bytes, curves: Mapping[str, bytes]) -> str:
    """The page.

    Args:
        table: The experiment's results.
        picture: Its figure, PNG.
        curves: The training curves, PNG by title.
    """
    plan = table.plan
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>{html.escape(plan.experiment.title)}</title>",
        f"<style>{(_HERE / 'page.css').read_text('utf-8')}</style></head><body>",
        f"<h1>{html.escape(plan.experiment.title)}</h1>",
        f"<p class='soft'>{html.escape(_origin(table))}</p>",
        f"<div class='scroll'>{_table(table)}</div>",
        f"<p class='soft'>{html.escape(text.legend(table, 'below it, in brown,'))}</p>",
        *(f"<p class='soft'>{html.escape(note)}</p>" for note in table.notes),
        _reasons(table),
        "<h2>Figure</h2>" + _image(picture, plan.experiment.title),
        _curves(curves),
        _browser(table),
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part)


def _origin(table: Table) -> str:
    plan = table.plan
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    code = plan.stages[0].code if plan.stages else "no code of ours"
    filled = sum(bool(cell.values) for row in table.rows for cell in row.cells.values())
    total = sum(len(row.cells) for row in table.rows)
    return (
        f"{plan.experiment.name}, {plan.scale.name} scale; {filled} of {total} cells filled; "
        f"code {code}; {today}"
    )


def _table(table: Table) -> str:
    subsets = table.plan.experiment.subsets
    top, below = ["<th rowspan='2'>system</th>"], []
    for task in table.plan.experiment.tasks:
        span = f" colspan='{len(subsets)}'" if len(subsets) > 1 else " rowspan='2'"
        top.append(f"<th{span}>{html.escape(text.TITLES.get(task, task))}</th>")
        below += [f"<th>{text.SUBSETS[s]}</th>" for s in subsets] if len(subsets) > 1 else []
    top += ["<th rowspan='2'>Avg</th>", "<th rowspan='2'>Δ</th>"]
    head = f"<thead><tr>{''.join(top)}</tr><tr>{''.join(below)}</tr></thead>"
    return f"<table>{head}<tbody>{''.join(_rows(table))}</tbody></table>"


def _rows(table: Table) -> Iterator[str]:
    width = len(table.columns) + 2
    for group, row in text.groups(table):
        if group:
            yield f"<tr class='group'><th>{html.escape(group)}</th>" + "<td></td>" * width + "</tr>"
        cells = text.cells_of(row, table.columns)
        first = len(table.plan.experiment.subsets)
        words = [_cell(cell, row, i % first == 0 or i >= width - 2) for i, cell in enumerate(cells)]
        baseline = row.system.series == table.plan.experiment.baseline
        style = " class='baseline'" if baseline else ""
        yield f"<tr{style}><th>{html.escape(row.system.name)}</th>{''.join(words)}</tr>"


def _cell(cell: Cell, row: Row, first: bool) -> str:
    signed = cell is row.difference
    style, half = ["first"] if first else [], cell.half_width
    if cell.mean is None:
        words = f"<span title='{html.escape(cell.reason, quote=True)}'>{text.EMPTY}</span>"
    else:
        number = f"<b>{text.number(cell.mean, signed)}</b>"
        words = number + text.stars(cell) + cell.marks
        if half is not None:
            words += f"<small>±{half:.2f}</small>"
        if signed and half is not None and abs(cell.mean) > half:
            style.append("up" if cell.mean > 0 else "down")
    if cell.paper is not None:
        words += f"<small class='paper'>{text.number(cell.paper, signed)}</small>"
    return f"<td class='{' '.join(style)}'>{words}</td>"


def _reasons(table: Table) -> str:
    found = text.reasons(table)
    if not found:
        return ""
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in found)
    return f"<details><summary>Why cells are empty</summary><ul class='soft'>{lines}</ul></details>"


def _curves(curves: Mapping[str, bytes]) -> str:
    if not curves:
        return ""
    images = "".join(_image(data, f"loss of {title} by step") for title, data in curves.items())
    return f"<h2>Training loss</h2><div class='plots'>{images}</div>"


def _image(data: bytes, description: str) -> str:
    encoded = base64.b64encode(data).decode()
    source = f"data:image/png;base64,{encoded}"
    return f"<figure><img alt='{html.escape(description, quote=True)}' src='{source}'></figure>"


def _browser(table: Table) -> str:
    found = examples(table)
    if not found:
        return ""
    # "</" would end the script in the middle of a sentence.
    content = json.dumps(found, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    script = (_HERE / "page.js").read_text("utf-8")
    return (
        f"<h2>Examples</h2>{_CONTROLS}<script type='application/json' id='examples'>{content}"
        f"</script><script>{script}</script>"
    )
