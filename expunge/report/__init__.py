"""The report: a static site about a run, with its videos; it opens from disk and asks nothing of a network.

    run = Run(plan, rates, verdicts, rows, renders=Path("build/renders"), fewshot=..., attacks=...)
    write_sheets(Path("build/report/sheets"), run)     contact sheets, PNG and GIF
    write_site(Path("build/report"), run)              index.html, releases/, lists/, concepts/, assets/

Pages link pictures and videos relative to themselves, so `build/` can be moved or sent as a whole. A confidential
concept shows its id and its rates: no name, no prompt, no picture.
"""

from expunge.report.gate_rows import open_verdicts
from expunge.report.run import Run
from expunge.report.sheets import write_sheets
from expunge.report.site import write_site

__all__ = ["Run", "open_verdicts", "write_sheets", "write_site"]
