"""Checks that the schema cannot make: mistakes within a list, within a concept, between concepts, against the base.

All checks work on the trees of the files. They tolerate values that the schema has refused, and report all mistakes.
"""

from expunge.concepts.checks_of_concepts import concept_problems, gate_problems
from expunge.concepts.checks_of_files import group_problems, text_problems
from expunge.concepts.checks_of_words import word_problems
from expunge.concepts.rules import Rules
from expunge.concepts.source import Source, concept_nodes
from expunge.concepts.spelling import spelling_problems
from expunge.core.errors import Problem


def check_sources(sources: list[Source], rules: Rules) -> list[Problem]:
    """Every mistake in the files that the schema does not find."""
    concepts = concept_nodes(sources)
    problems: list[Problem] = []
    for source in sources:
        problems += text_problems(source)
        problems += gate_problems(source, source.tree, rules)
        problems += group_problems(source, [c.node.value.get("id") for c in concepts if c.source is source])
    problems += word_problems(sources, concepts)
    for concept in concepts:
        problems += concept_problems(concept, rules)
    problems += spelling_problems(sources, concepts, rules.words)
    return problems
