"""Annotators of constructed tasks, and what Label Studio exports of them."""

import json

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
