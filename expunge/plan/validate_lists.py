"""Checks the lists against the base that will forget them, for `expunge validate` and the stage plan.

    lists, notes = validate(Path("concepts"), "emoji", default_method="solve")

This module puts the rules of lists (`expunge.concepts.rules.Rules`) together: words come from the base, parameters from
the methods and gates from the metrics. Nothing here imports torch.
"""

from pathlib import Path

from expunge.concepts.concept import ConceptList
from expunge.concepts.confidential import veil_of
from expunge.concepts.kinds import KINDS
from expunge.concepts.lists import load_list, load_lists
from expunge.concepts.rules import Mistake, Rules, Words
from expunge.core.errors import InputError, Problem
from expunge.judging.detectors import problems_of
from expunge.methods import METHODS, check_parameters
from expunge.metrics.gate_schema import gate_examples, gate_schema
from expunge.metrics.thresholds import FORM, metrics_of, wrong_threshold
from expunge.plan.notes import decision_notes, double_notes, probe_notes


def validate(
    lists: Path, base: str | None, bases: Path = Path("bases"), default_method: str | None = None
) -> tuple[list[ConceptList], list[str]]:
    """Load and check all lists of a folder, or one list with the others of its folder as context.

    :param lists: a folder, or a file in it. :param base: the base's name; None: the lists are checked without a base.
    :param default_method: the method of concepts that name none (unlearn.method in params.yaml).
    :returns: the lists, and notes about what could not be checked here.
    :raises InputError: with every problem of the base's files and of the lists.
    """
    words, notes, problems = base_words(base, bases)
    rules, checked = list_rules(words, default_method), list[ConceptList]()
    try:
        checked = load_lists(lists, rules) if lists.is_dir() or not lists.suffix else [load_list(lists, rules)]
    except InputError as error:
        problems = problems + error.problems
    if problems:
        raise InputError(problems)
    veil = veil_of(checked)
    notes = [*notes, *decision_notes(checked), *double_notes(checked), *probe_notes(checked)]
    try:
        notes += judge_notes(base, bases, checked) if base is not None else []
    except InputError as error:
        raise InputError(map(veil.masked_problem, error.problems)) from None
    return checked, list(map(veil.masked, notes))


def judge_notes(base: str, bases: Path, lists: list[ConceptList]) -> list[str]:
    """Which concepts, and which members of categories, the base's judge does not know.

    :raises InputError: its vocabulary is missing or broken, or it would be asked for a motion that it cannot see.
    """
    from expunge.bases.spec import load_spec
    from expunge.judging.motions import motion_problems
    from expunge.plan.notes import labels_of, member_notes, unknown_notes

    spec = load_spec(base, bases)
    labels = labels_of(spec)
    if problems := motion_problems(spec, lists, labels):
        raise InputError(problems)
    return [*unknown_notes(base, lists, labels), *member_notes(base, lists, labels)] if labels else []


def list_rules(words: Words | None = None, default_method: str | None = None) -> Rules:
    """All rules of lists. :param words: from `base_words`; None: no base. :param default_method: as in `validate`."""
    return Rules(
        words or Words(),
        tuple(METHODS),
        default_method,
        check_parameters,
        check_judge,
        check_gate,
        gate_schema(),
        gate_examples(),
    )


def check_judge(name: str) -> list[Mistake]:
    """Why no detector of that name can look at samples here."""
    return [(problem.what, problem.fix) for problem in problems_of(name, "judge")]


def check_gate(modality: str, metric: str, threshold: str) -> Mistake | None:
    """Why a threshold makes no sense for its metric; None if it makes sense, or if the schema reports its form."""
    mistake = wrong_threshold(metric, threshold) if metric in metrics_of(modality) else None
    return mistake if mistake is not None and mistake[1] != FORM else None


def base_words(base: str | None, bases: Path = Path("bases")) -> tuple[Words, list[str], list[Problem]]:
    """What a base can read: its tokenizer and templates, notes about what is missing here, and problems of its files.

    :param base: its name; None: there is none.
    """
    if base is None:
        return Words(), ["without a base, the length and spelling of names went unchecked"], []
    from expunge.bases.spec import load_spec
    from expunge.bases.tokenizer import light_tokenizer
    from expunge.concepts.prompt_file import read_prompts

    try:
        spec = load_spec(base, bases)
        prompts = read_prompts(spec.prompts)
        tokenizer = light_tokenizer(spec)
    except InputError as error:
        return Words(), [], error.problems
    beside = {kind: prompts.beside.templates if KINDS[kind].company else () for kind in prompts.eval}
    templates = {kind: (*prompts.fewshot[kind], *prompts.eval[kind], *beside[kind]) for kind in prompts.eval}
    tested = {kind: (*prompts.eval[kind], *prompts.videos.get(kind, ()), *beside[kind]) for kind in prompts.eval}
    if tokenizer is None:
        note = f"{base}: its tokenizer is not on this machine, so the length and spelling of names went unchecked"
        return Words(templates=templates, tested=tested), [note], []
    return Words(*tokenizer, templates, tested), [], []
