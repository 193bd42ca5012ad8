"""What a release says of itself for the programs of others: the model card, two bills of materials, its tables.

    write_papers(part, record, commit_time(root, commit))

README.md is the card, as the hub shows it; bom.cdx.json and bom.spdx.json are bills of materials in the forms of
CycloneDX 1.6 and SPDX 3.0.1. All of them follow from the record and the files that are handed on.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from expunge.core.digest import file_digest, folder_files
from expunge.core.files import write_text
from expunge.core.unit_names import RELEASES, Name
from expunge.records.bom_cyclonedx import cyclonedx
from expunge.records.bom_spdx import UNKNOWN, spdx
from expunge.records.card import record_card
from expunge.records.facts import facts_of
from expunge.records.own_rows import TABLES, rows_of


def write_papers(part: Path, record: Mapping[str, Any], created: str | None) -> None:
    """Write the card and the bills of materials beside encoder/ and record.json.

    :param created: when the commit was made that the record names; None: nobody here knows.
    """
    facts, held = facts_of(record), folder_files(part / "encoder")
    name = Name.parse(facts.encoder).id
    write_text(part / "README.md", record_card(facts, list(held), f'"{name}", subfolder="encoder"'))
    files = {f"encoder/{file}": sha256 for file, sha256 in held.items()}
    told = file_digest(part / "record.json")
    write_text(part / "bom.cdx.json", cyclonedx(facts, files, told))
    write_text(part / "bom.spdx.json", spdx(facts, files, told, created or UNKNOWN))


def write_tables(part: Path, metrics: Path, name: str) -> None:
    """Write the release's own rows of the tables. :param name: of the release."""
    for table in TABLES:
        if (metrics / table).is_file():
            write_text(part / table, rows_of(metrics / table, str(Name(RELEASES, name))))
