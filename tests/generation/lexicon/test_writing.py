"""The lexicon teacher's texts: the paper's form of analyses, and rewriting."""

from generation.lexicon import writing


def test_anl_text_is_the_papers_block_form():
    text = writing.analysis_text(
        "The food was great. We waited an hour for the waiter.", "restaurant"
    )
    assert text == (
        'Opinion Target 1: "food"\nAspect: "Food, Quality"\nSentiment: Very Positive\n'
        'Reasoning: The word "great" expresses very positive sentiment toward the food.\n\n'
        'Opinion Target 2: "waiter"\nAspect: "Service, General"\nSentiment: Negative\n'
        'Reasoning: The review uses no word of sentiment, but "We waited an hour for the waiter" '
        "implies a long wait, a negative sentiment toward the waiter."
    )


def test_rewriting_is_explicit_and_in_the_first_person():
    text = writing.rewrite_text(
        "I loved the pizza. The staff forgot half of our order.", "restaurant"
    )
    assert "I loved it" in text
    assert "the staff" in text
    assert "a lack of care" in text
    assert text.startswith("I ")
    assert text.endswith("Overall, I have mixed feelings about this restaurant.")
