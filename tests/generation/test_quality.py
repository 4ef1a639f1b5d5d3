"""The named rules for answers."""

import collections
import json

import pytest

from fsa_jax.opinions.analyses import blocks
from fsa_jax.opinions.corpus import DOMAINS
from generation import prompting, quality

BLOCK = (
    'Opinion Target 1: "food"\nAspect: "Food, Quality"\nSentiment: Positive\n'
    "Reasoning: The food is good."
)


@pytest.mark.parametrize(
    ("kind", "response", "finish", "reason"),
    [
        ("rw", "I really loved the food of this place.", "stop", ""),
        ("rw", "I really loved the food of this place.", None, ""),
        ("rw", "I really loved the food of this", "length", "length"),
        ("anl", BLOCK, "length", "length"),
        ("anl", BLOCK, "max_tokens", "length: max_tokens"),
        ("rw", "I loved the food.", "MODEL_LENGTH", "length: MODEL_LENGTH"),
        ("rw", "I loved the food of it.", "STOP", ""),
        ("rw", "I loved the food of it.", "FINISH_REASON_STOP", ""),
        ("rw", "I loved the food of it.", "COMPLETE", ""),
        ("rw", "I loved the food of it.", "<|im_end|>", ""),
        ("rw", "I loved the food of it.", "", ""),
        ("rw", "I loved the food of it.", "FINISH_REASON_UNSPECIFIED", ""),
        # A word that nobody knows: the text's own end decides.
        ("rw", "I loved the food of it.", "OTHER", ""),
        ("rw", "I loved the food of", "OTHER", "finish_reason: OTHER"),
        ("rw", "I loved the food of it.", "SAFETY", "finish_reason: SAFETY"),
        ("rw", "I loved the food of it.", "tool_calls", "finish_reason: tool_calls"),
        ("rw", "I loved the food of it.", "abort", "finish_reason: abort"),
        ("label", "[('food', 'positive')]", "eos", ""),
        ("label", "[('food', 'pos", "max_tokens", "length: max_tokens"),
        ("rw", "<think>Hm, the user wants", "stop", "length: the thinking has no end"),
        ("anl", f"[THINK]Hm.[/THINK]{BLOCK}", "stop", ""),
        ("rw", "<think>The food is good.</think>", "stop", "empty"),
        ("rw", "I loved it", "content_filter", "finish_reason: content_filter"),
        ("rw", " \n ", "stop", "empty"),
        ("rw", "", None, "empty"),
        ("rw", "I'm sorry, but I cannot help with that.", "stop", "refused"),
        ("rw", "I’m sorry, I can’t do this", "stop", "refused"),
        ("anl", "As an AI language model, I have no opinion of it", "stop", "refused"),
        ("rw", "I cannot rewrite this review.", "stop", "refused"),
        ("rw", "I cannot recommend the soup, and the staff was not kind to me.", "stop", ""),
        # Reviewers are sorry, too.
        ("rw", "I'm sorry to say that the food of this place was not good.", "stop", ""),
        (
            "rw",
            "I apologize in advance to the owner, but the soup was cold and I cannot praise it.",
            "stop",
            "",
        ),
        ("rw", "Sorry, but I will not be back: the waiter was rude to us.", "stop", ""),
        ("rw", "I can't help but love the soup of this place.", "stop", ""),
        ("rw", "I can't do this place justice: the soup was so good.", "stop", ""),
        ("rw", "I'm sorry, but the waiter could not help us with the menu.", "stop", ""),
        ("rw", "As an AI engineer I work with this laptop each day.", "stop", ""),
        ("rw", "There is no review that could praise this soup enough.", "stop", ""),
        ("rw", "Sorry, but I cannot assist with that.", "stop", "refused"),
        ("rw", "I’m sorry, but I can’t do that for you.", "stop", "refused"),
        ("rw", "I'm so sorry, but I won't be able to rewrite this for you.", "stop", "refused"),
        ("rw", "I apologize, but as an AI I have not been there.", "stop", "refused"),
        ("rw", "I am sorry, but there is no review in your message.", "stop", "refused"),
        ("rw", "I'm unable to assist with that.", "stop", "refused"),
        # A tag within a line is no thinking.
        ("rw", "The name of the bar is <think> and I liked it.", "stop", ""),
        ("anl", f"{BLOCK} It says <reasoning> on the sign.", "stop", ""),
        ("rw", "Okay.\n<think>The user wants", "stop", "length: the thinking has no end"),
        ("rw", "The food was good.", "stop", "prompt_echo"),
        ("rw", "Your Task:\n\nReview: The food was good. I liked it", "stop", "prompt_echo"),
        (
            "rw",
            "La comida de este lugar me gusta mucho y el servicio es muy bueno",
            "stop",
            "wrong_language",
        ),
        ("rw", "这家餐厅的食物非常好吃，服务也很周到，我会再来的。", "stop", "wrong_language"),
        ("anl", "The food is good and the reviewer is happy with it.", "stop", "unparseable"),
        ("anl", "Aspect: Food, Quality\nSentiment: Positive", "stop", "unparseable"),
        (
            "anl",
            "Opinion Target: This aspect tells how the review talks of the food that was served "
            "there.\nSentiment: Positive\nIt is about the food of the place.",
            "stop",
            "unparseable",
        ),
        ("anl", BLOCK, "stop", ""),
        ("rw", "The review praises the quality of the soup.", "stop", "about_review"),
        ("rw", "Rewritten Review: This reviewer likes the soup.", "stop", "about_review"),
        ("rw", "This review highlights the soup of the place.", "stop", "about_review"),
        ("rw", "You’re an AI assistant for text re-writing.", "stop", "about_review"),
        ("rw", "I am glad to help you with your review!", "stop", "about_review"),
        ("rw", "In this example, I aimed to tell it in a candid manner.", "stop", "about_review"),
        ("rw", "I loved it. The updated review keeps the feeling.", "stop", "about_review"),
        # A reviewer may speak of the review that is being written.
        ("rw", "It is with regret that I write this review of the place.", "stop", ""),
        ("rw", "This review is for the bar of the place alone.", "stop", ""),
        ("rw", "I hope that the owner will read the review and mend the door.", "stop", ""),
    ],
)
def test_rules(kind, response, finish, reason):
    assert quality.rejects(kind, "The food was good.", response, finish) == reason
    assert reason.split(":")[0] in {"", *quality.RULES}


TELLTALES = (" dumplings ", " help desk ", " we did sit for forty ")


@pytest.mark.parametrize(
    ("kind", "review", "response", "leaked"),
    [
        ("rw", "Good food.", "I loved the Dumplings, they were great.", "dumplings"),
        ("rw", "Good laptop.", "I am so happy with the help-desk of it.", "help desk"),
        ("rw", "Slow.", "I am sad: we did sit for forty hours.", "we did sit for forty"),
        ("anl", "Good food.", BLOCK.replace("food", "dumplings"), "dumplings"),
        # What the review has, the answer may have.
        ("rw", "The dumplings were good.", "I loved the dumplings of this place.", ""),
        ("rw", "One dumpling was raw.", "I did not like the dumplings of this place.", ""),
        ("rw", "Good laptop.", "I like the desk help of it, and the helpful desk.", ""),
        ("rw", "Nobody at the desk.", "I am sorry that the help desk was not there.", ""),
    ],
)
def test_an_answer_about_the_demonstration_is_none(kind, review, response, leaked):
    found = quality.rejects(kind, review, response, "stop", TELLTALES)
    assert found == (f"demonstration: {leaked}" if leaked else "")
    assert quality.rejects(kind, review, response, "stop") == ""


def test_training_text_has_no_label_in_front():
    assert quality.training_text("rw", " Rewritten Review: I loved it. ") == "I loved it."
    assert quality.training_text("rw", "**Rewritten review:** I loved it.") == "I loved it."
    assert quality.training_text("rw", "The answer: it was good") == "The answer: it was good"
    assert quality.training_text("anl", f" {BLOCK}\n") == BLOCK


@pytest.mark.parametrize(
    ("response", "text"),
    [
        ("Here is the rewritten review:\n\nThe soup was good.", "The soup was good."),
        ('Sure! Here\'s a rewritten review: "I loved it."', "I loved it."),
        (
            "Certainly, here is my revised version of the user review:\n\n“I liked it.”",
            "I liked it.",
        ),
        ("Here’s the rewritten review that expresses the feelings: I loved it.", "I loved it."),
        # A review's own words.
        ("Here is the thing: I loved it.", "Here is the thing: I loved it."),
        ("Sure, I loved it.", "Sure, I loved it."),
        ('"Great," I said. "Thanks."', '"Great," I said. "Thanks."'),
        ("Here is a version of pie that I love: plum.",) * 2,
        ("Here is my revised review after two weeks: it broke.",) * 2,
    ],
)
def test_what_a_teacher_says_to_the_asker_is_no_training_text(response, text):
    assert quality.training_text("rw", response) == text


@pytest.mark.parametrize(
    "thought",
    [
        "<think>\nHm.\n</think>\n\n",
        "Hm, let me see.</think>",
        "<thinking>a</thinking>b<thinking>c</thinking>",
        "<Reasoning>The food is good.</Reasoning>\n",
        "[THINK]Hm.[/THINK]",
        "◁think▷Hm.◁/think▷",
        "<seed:think>Hm.</seed:think> ",
    ],
)
def test_thinking_is_no_training_text(thought):
    assert quality.training_text("rw", f"{thought}Rewritten Review: I loved it.") == "I loved it."
    assert quality.training_text("anl", thought + BLOCK) == BLOCK
    # Neither is one that was cut off, as an older ledger may hold it.
    assert quality.rejects("anl", "x", f"{thought}<think>{BLOCK}", "stop").startswith("length")


def test_real_responses(real_data):
    """All 180 real analyses are read, with few levels that the rules cannot place."""
    with (real_data / "corpus/mixtral_400.json").open(encoding="utf-8-sig") as stream:
        rows = [json.loads(line) for line in stream]
    texts = {row["mixtral_response"]: row["Text"] for row in rows}
    analyses = [text for text in texts if "Sentiment" in text and "Opinion Target" in text]
    assert len(analyses) == 180
    levels = collections.Counter(block.level for text in analyses for block in blocks(text))
    assert all(blocks(text) for text in analyses)
    assert levels[None] < 0.03 * levels.total()
    assert levels.total() > 3.5 * 180
    prompts = {prompt.kind: prompt for prompt in prompting.load_all("anl,rw")}
    reasons = collections.Counter()
    for text, review in texts.items():
        kind = "anl" if text in analyses else "rw"
        for domain in DOMAINS:
            telltales = prompts[kind].betraying(domain)
            reasons[quality.rejects(kind, review, text, "stop", telltales).split(":")[0]] += 1
    # One of them does talk about its review.
    assert reasons["about_review"] == len(DOMAINS)
    assert reasons["demonstration"] == 0
    assert reasons[""] >= 2 * 395


ENGLISH = """
Great food and friendly staff.
Terrible service, never again!
The screen is bright.
Battery died after two weeks.
Best pizza in town.
Loved every bite.
Cheap, noisy, slow.
Our waiter was rude.
Nice decor, bland soup.
Keyboard feels mushy.
Very good value for money.
Fast boot, crisp display, decent speakers.
Delicious tacos, huge portions!
Would not recommend.
Totally worth every penny.
Overpriced sushi, tiny rolls.
Amazing laptop, runs Windows perfectly.
Fresh fish, lovely patio, superb margaritas.
Hinge broke, support useless.
We waited forty minutes for cold fries.
Pizza was lil burnt.
"""
OTHERS = """
La comida es muy buena.
El servicio fue excelente.
No me gusta nada.
Muy recomendable, volveremos pronto.
La pantalla es brillante y clara.
Me encanta este restaurante.
Comida fria y cara.
Das Essen war sehr gut.
Die Bedienung war unfreundlich.
Der Akku ist schnell leer.
Ich bin sehr zufrieden.
Schlechter Service, nie wieder!
Sehr leckere Pizza und netter Kellner.
Tolles Display, schlechte Tastatur.
Le service est excellent.
La nourriture est froide.
Je recommande ce restaurant.
Tres bon accueil et bons plats.
La batterie ne tient pas.
Un endroit charmant, serveurs agreables.
"""


@pytest.mark.parametrize("text", ENGLISH.strip().split("\n"))
def test_short_english_sentences_are_english(text):
    assert quality.is_english(text)


@pytest.mark.parametrize("text", OTHERS.strip().split("\n"))
def test_short_sentences_of_other_languages_are_not(text):
    assert not quality.is_english(text)
