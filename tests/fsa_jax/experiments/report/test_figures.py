"""Pictures: every line, point and interval that a table has is drawn, and nothing else."""

import pytest
from matplotlib import pyplot

from fsa_jax.experiments.report import figures
from fsa_jax.experiments.tables import make_table


@pytest.fixture
def canvas(monkeypatch):
    """Keeps the axes of the pictures that are drawn."""
    drawn = []

    def keep(figure):
        drawn.append(figure.axes)
        return b"png"

    monkeypatch.setattr(figures, "_png", keep)
    yield drawn
    pyplot.close("all")


def legend(axis):
    return axis.get_legend_handles_labels()[1]


def test_a_figures_points_stand_at_their_values_over_a_line_of_the_baseline(reported, canvas):
    table, _ = reported()
    canvas.clear()
    figures.draw(table)
    ((axis,),) = canvas
    assert axis.get_xlabel() == "number of reviews"
    assert [label.get_text() for label in axis.get_xticklabels()] == ["1K", "2K"]
    assert axis.get_xscale() == "log"
    assert legend(axis) == ["plain", "nobody, paper", "distilled"]
    plain = next(line for line in axis.lines if line.get_label() == "plain")
    assert set(plain.get_ydata()) == {table.rows[0].average.mean}  # a level: it has no reviews
    line = axis.containers[0].lines[0]
    points = [row for row in table.rows if row.system.series == "distilled"]
    assert list(line.get_xdata()) == [1000, 2000]
    assert list(line.get_ydata()) == [row.average.mean for row in points]


def test_every_level_is_drawn_however_many(make_plan, canvas):
    names = [f"llm {n}" for n in range(6)]
    systems = "".join(f"  - {{name: {n}, predictions: p, paper: [50.0]}}\n" for n in names)
    plan = make_plan(
        "title: Levels\ntasks: [tsa_rest14]\nfigure: {reviews: number of reviews}\n"
        "defaults: {size: tiny, teacher: lexicon, panel: reviews}\nsystems:\n"
        "  - {name: distilled, pretraining: distill, for_each: {reviews: [1k, 2k]}}\n" + systems
    )
    figures.draw(make_table(plan, []))
    assert legend(canvas[0][0]) == [f"{name}, paper" for name in names]


def test_a_table_is_drawn_as_differences_beside_the_papers(filled, canvas):
    plan, store = filled
    table = make_table(plan, store.read())
    figures.draw(table)
    ((axis,),) = canvas
    assert [label.get_text() for label in axis.get_yticklabels()] == ["distilled"]
    assert legend(axis) == ["here, 95% interval", "paper"]
    assert "difference from “plain”" in axis.get_xlabel()
    assert axis.containers[0].lines[0].get_xdata()[0] == table.rows[1].difference.mean
    paper = [line for line in axis.lines if line.get_marker() == "D" and len(line.get_xdata())]
    assert paper[0].get_xdata()[0] == table.rows[1].difference.paper


def test_losses_are_drawn_of_what_has_trained(filled, canvas, make_plan):
    plan, store = filled
    table = make_table(plan, store.read())
    assert set(figures.draw_curves(table)) == {"pretraining", "tsa_rest14", "asa_rest16"}
    pretraining = next(axis for (axis,) in canvas if axis.get_title() == "pretraining")
    assert [tuple(point) for point in pretraining.lines[0].get_xydata()] == [(1, 2.0)]
    for stage in plan.stages:
        for run in stage.run_directories.values():
            (run.path / "train" / "metrics.jsonl").unlink(missing_ok=True)
    assert figures.draw_curves(table) == {}


def test_a_metric_is_called_what_it_is(make_plan, canvas):
    zero_shot = "{tasks: [tsc_rest14], systems: [{name: a, size: tiny, weights: w}]}"
    figures.draw(make_table(make_plan(zero_shot), []))
    assert "average accuracy" in canvas[0][0].get_xlabel()
    strict = "{tasks: [tsa_rest14], metric: strict_f1, systems: [{name: a, size: tiny}]}"
    figures.draw(make_table(make_plan(strict), []))
    assert "average strict F1" in canvas[1][0].get_xlabel()
