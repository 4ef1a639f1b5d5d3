"""Annotators of constructed tasks, and what Label Studio exports of them."""

import json

from fsa_jax.opinions.readers import fsa_json
from generation.people import label_studio
from generation.people.judgements import NAMES


def letters_of(tasks):
    """Who stands behind each letter of each task."""
    return label_studio.load_key(label_studio.Paths(tasks).key, "test")["tasks"]


def annotate(tasks, score, annotators=(1, 2)):
    """Returns the tasks as Label Studio exports them; ``score`` decides each score."""
    rows = json.loads(tasks.read_text())
    key = letters_of(tasks)
    for number, row in enumerate(rows, 1):
        row |= {"id": number, "annotations": []}
        letters = key[row["data"]["task"]].items()
        for who in annotators:
            result = [passage(row["data"]["review"])] + [
                choice(f"{name}_{letter}", f"analysis_{letter}", score(teacher, name, who))
                for letter, teacher in letters
                for name in NAMES
            ]
            row["annotations"].append({"completed_by": who, "result": result})
    return rows


def passage(review):
    value = {"start": 0, "end": 3, "text": review[:3], "labels": ["Passage that matters"]}
    return {"from_name": "passage", "to_name": "review", "type": "labels", "value": value}


def choice(name, to, score):
    value = {"choices": [str(score)]}
    return {"from_name": name, "to_name": to, "type": "choices", "value": value}


def write(tasks, rows):
    path = tasks.with_name("annotations.json")
    path.write_text(json.dumps(rows))
    return path


def numbered(tasks, annotators=(1, 2)):
    """Two annotators who never agree, as a server exports them: with numbers and times."""
    rows = annotate(tasks, lambda teacher, name, who: who % 2, annotators)
    annotations = [annotation for row in rows for annotation in row["annotations"]]
    for number, annotation in enumerate(annotations, 1):
        annotation |= {"id": number, "updated_at": f"2024-05-01T10:{number:02}:00.000000Z"}
    return rows


def rescore(annotation, score):
    for result in annotation["result"]:
        if result["type"] == "choices":
            result["value"]["choices"] = [str(score)]
    return annotation


def region(name, text, span, label, category=None, polarity=None):
    """Returns the results of a marked passage, with what was chosen for it."""
    start, end = span
    value = {"start": start, "end": end, "text": text[start:end]}
    control = "target" if label in ("Target", "NULL") else "words"
    about = {"id": name, "to_name": "text"}
    found = [about | {"from_name": control, "type": "labels", "value": value | {"labels": [label]}}]
    if category is not None:
        chosen = value | {"taxonomy": [category.split("#")]}
        found.append(about | {"from_name": "category", "type": "taxonomy", "value": chosen})
    if polarity is not None:
        chosen = value | {"choices": [polarity]}
        found.append(about | {"from_name": "polarity", "type": "choices", "value": chosen})
    return found


def link(one, other):
    return {"from_id": one, "to_id": other, "type": "relation", "direction": "right", "labels": []}


def marked(*sentences):
    """Returns the results of an annotator who marks the opinions of sentences, a line each."""
    text = "\n".join(sentence.text for sentence in sentences)
    found, start = [], 0
    for item in fsa_json.to_items(sentences):
        for aspect in item["aspects"]:
            name, labels = f"r{len(found)}", (aspect["category"], aspect["polarity"])
            span = (aspect["from"], aspect["to"]) if aspect["target"] else (0, 1)
            label = "Target" if aspect["target"] else "NULL"
            found += region(name, text, (start + span[0], start + span[1]), label, *labels)
            for number, words in enumerate(aspect["opinion_words"]):
                span = start + words["from"], start + words["to"]
                found += region(f"{name}w{number}", text, span, "Opinion words")
                found.append(link(f"{name}w{number}", name))
        start += len(item["sentence"]) + 1
    return found


def reviewed(name, text, *results, domain="restaurant", annotators=(1, 2)):
    """Returns a review as exported, with the results of each annotator."""
    data = {"task": name, "domain": domain, "text": text}
    given = zip(annotators, results, strict=False)
    return {
        "data": data,
        "annotations": [{"completed_by": who, "result": result} for who, result in given],
    }
