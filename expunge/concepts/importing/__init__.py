"""Makes concept lists from the files that people bring, and says what became of every row.

    files -> lines | tables | trees -> rows -> cleaning -> importer -> notes

Nothing is guessed that could turn a file's meaning round: what a file says to keep, to refuse or to wait with is never
a concept to forget (`decisions`), and no name is cut so that two rows become one (`cleaning`, `order`).
"""
