import gin
import pytest
import seqio

import tasks
from tasks.features import VOCABULARY

LENGTHS = {"inputs": 256, "targets": 800}


@pytest.fixture
def corpora(data_dir, corpus_writer):
    """What `fsa generate --teacher my_llm --prompt summary.yaml` and `fsa corpus build` leave."""
    for prompt in ("summary", "rw"):
        for domain in ("restaurant", "laptop"):
            rows = [(f"{domain}{i}", f"The wine list {i} .", f"{prompt} {i}") for i in range(6)]
            corpus_writer(
                data_dir, "my_llm", prompt, domain, {"train": rows, "validation": rows[:1]}
            )
    yield data_dir
    for registry in (seqio.MixtureRegistry, seqio.TaskRegistry):
        for name in list(registry.names()):
            if "_my_llm_" in name:
                registry.remove(name)


def test_a_teacher_and_a_prompt_of_ones_own_need_no_code(corpora):
    name = tasks.distill("my_llm", ("summary", "rw"), reviews=8)
    assert name == "distill_my_llm_summary_rw_8"
    assert tasks.distill("my_llm", ("summary", "rw"), ("laptop", "restaurant"), reviews=8) == name
    mixture = seqio.get_mixture_or_task(name)
    assert mixture.num_input_examples("train") == 4 * 4
    examples = mixture.get_dataset(LENGTHS, "train", num_epochs=1, shuffle=False)
    texts = {VOCABULARY.decode(e["targets"])[:2] for e in examples.as_numpy_iterator()}
    assert texts == {"su", "rw"}
    alone = seqio.get_mixture_or_task(tasks.distill("my_llm", "summary", "laptop"))
    assert [task.name for task in alone.tasks] == ["understanding_my_llm_summary_laptop"]
    assert alone.num_input_examples("train") == 6


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "distill_gpt35_anl_rw"),
        ({"prompts": "anl", "domains": "laptop"}, "distill_gpt35_anl_laptop"),
        (
            {"prompts": "anl_without_labels", "reviews": 10_000},
            "distill_gpt35_anl_without_labels_10k",
        ),
    ],
)
def test_registered_mixtures_are_the_ones_of_their_names(settings, name):
    registered = seqio.get_mixture_or_task(name)
    assert tasks.distill("gpt35", **settings) == name
    assert seqio.get_mixture_or_task(name) is registered


def test_one_gin_file_is_enough(corpora, tmp_path):
    path = tmp_path / "mine.gin"
    path.write_text(
        "from __gin__ import dynamic_registration\nimport tasks\n"
        "MIXTURE_OR_TASK_NAME = @tasks.distill()\n"
        "tasks.distill.teacher = 'my_llm'\n"
        "tasks.distill.prompts = ['summary']\n"
        "tasks.distill.domains = ['restaurant']\n"
    )
    try:
        gin.parse_config_file(str(path))
        name = gin.query_parameter("%MIXTURE_OR_TASK_NAME").scoped_configurable_fn()
    finally:
        gin.clear_config()
    assert seqio.get_mixture_or_task(name).num_input_examples("train") == 6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"teacher": "my llm"}, "teacher 'my llm': use letters"),
        ({"prompts": "my.yaml"}, "prompt 'my.yaml' is no name: give the `name`"),
        ({"prompts": ()}, "give different names, at least one"),
        ({"prompts": ("rw", "rw")}, "give different names"),
        ({"domains": "restaurants"}, "one of restaurant, laptop; did you mean restaurant"),
        ({"reviews": 7}, r"reviews 7: give a positive number that 2 domain\(s\)"),
        ({"reviews": 0}, "reviews 0"),
    ],
)
def test_what_cannot_be_a_mixture_is_said(settings, message):
    with pytest.raises(ValueError, match=message) as error:
        tasks.distill(**{"teacher": "my_llm", **settings})
    assert "\n" not in str(error.value)


def test_names_that_come_out_the_same_are_told(corpora):
    tasks.distill("my_llm", ("summary", "rw"))
    with pytest.raises(ValueError, match="another mixture distill_my_llm_summary_rw already"):
        tasks.distill("my_llm", "summary_rw")


def test_a_corpus_that_is_not_there_is_named_at_first_use(data_dir):
    name = tasks.distill("nobody", "summary", "laptop")
    with pytest.raises(FileNotFoundError, match="nobody_summary_laptop"):
        seqio.get_mixture_or_task(name).num_input_examples("train")
