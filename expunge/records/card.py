"""The model card of an encoder that was measured, as the hub reads it: every number of the record as `model-index`.

    text = record_card(facts_of(record), ["model.safetensors"], '"production", subfolder="encoder"')

It is made of the record alone, so the same record gives the same card; it names concepts by their ids. `expunge
release` and `expunge export` put it into the folder that is handed on. It cannot lie in the encoder's own folder, whose
digests it states, as the record does; expunge.methods.encoder_card writes the one that lies there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from expunge.methods.encoder_card import Made, card_of, encoder_card, how_to_load, metadata, table_of
from expunge.records.facts import TASKS, Facts, Measured, facts_of
from expunge.records.files import read_record

if TYPE_CHECKING:
    from huggingface_hub import EvalResult


def card_to_hand_on(
    file: Path, made: Made, digests: Mapping[str, str], files: Sequence[str], arguments: str
) -> tuple[str, str]:
    """(a card, a note for the user or ""): of the encoder's record, or without numbers where none speaks of its files.

    :param file: of the record. :param digests: of the encoder's folder, as the run wrote it. :param files: of weights
        that are handed on. :param arguments: as in `how_to_load`.
    """
    if not file.is_file():
        note = f"the card holds no number: there is no {file.as_posix()}"
    elif (facts := facts_of(read_record(file))).files == digests:
        return record_card(facts, files, arguments), ""
    else:
        note = f"the card holds no number: {file.as_posix()} speaks of other files than these"
    return encoder_card(replace(made, files=files), arguments), note


def record_card(facts: Facts, files: Sequence[str], arguments: str) -> str:
    """The card as text.

    :param files: of weights that are handed on with it. :param arguments: as in `how_to_load`.
    """
    made = Made(facts.concepts, facts.method, facts.repository, files, facts.pipeline)
    data = {
        **metadata(made, arguments),
        "model_name": facts.encoder, "eval_results": list(eval_results(facts)) or None,
    }  # fmt: skip
    environment = Environment(  # Markdown, in which nothing of it needs an escape: ids, numbers, names of the catalogue
        loader=FileSystemLoader(Path(__file__).parent), autoescape=False, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    body = environment.get_template("card.md.j2").render(
        facts=facts, load=how_to_load(made, arguments), files=table_of(files), rows=list(in_short(facts)),
        missing=[each.key for each in facts.measured if each.value is None],
    )  # fmt: skip
    return card_of(data, body)


def eval_results(facts: Facts) -> Iterator["EvalResult"]:
    """Every gate with a number. `metric_args` holds its threshold, interval, n, the number before, and if it passed."""
    from huggingface_hub import EvalResult

    for each in facts.measured:
        if each.value is None:
            continue
        args: dict[str, Any] = {"threshold": each.threshold, "passed": each.passed, "n": each.n, "before": each.before}
        if each.low is not None and each.high is not None:
            args["interval"] = [each.low, each.high]
        yield EvalResult(
            task_type=TASKS[each.modality], dataset_type="expunge-prompts",
            dataset_name=f"prompts of {each.concept}" if each.concept else "prompts of the whole encoder",
            dataset_config=each.concept or "all", metric_type=each.metric, metric_name=each.title,
            metric_value=each.value, metric_args={key: value for key, value in args.items() if value is not None},
        )  # fmt: skip


def in_short(facts: Facts) -> Iterator[dict[str, Any]]:
    """A row for each modality, metric and threshold: how many gates, how many are met, and the worst value."""
    rows: dict[tuple[str, str, str], list[Measured]] = {}
    for each in facts.measured:
        rows.setdefault((each.modality, each.metric, each.threshold), []).append(each)
    for (modality, _, threshold), gates in sorted(rows.items()):
        known = [(each.value, each.concept) for each in gates if each.value is not None]
        value, concept = (max if threshold.startswith("<=") else min)(known, default=(None, ""))
        yield {
            "modality": modality, "title": gates[0].title, "threshold": threshold, "gates": len(gates),
            "met": sum(bool(each.passed) for each in gates), "worst": value, "concept": concept,
        }  # fmt: skip
