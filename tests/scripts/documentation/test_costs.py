"""What the page on the paper says of costs is what ``fsa experiment plan`` computes today."""

from scripts.documentation import costs


def test_the_page_shows_what_the_plans_say():
    assert costs.in_page() == costs.table(), "run `python -m scripts.documentation.costs`"


def test_tables_come_before_figures_each_by_its_number():
    assert costs.names() == [
        *("table4", "table5", "table6", "table12", "table13"),
        *("figure4", "figure5"),
    ]
