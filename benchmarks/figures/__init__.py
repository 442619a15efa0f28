"""The figures of the table, one question a file, in the order of the table."""

from benchmarks.figures import (
    decisions,
    example_script,
    exploits,
    first_report,
    imports,
    ray_executor,
    reports,
    resumes,
    thousand,
    views,
)
from benchmarks.measure import Figure

FIGURES: tuple[Figure, ...] = (
    example_script.FIGURE,
    reports.STREAMED,
    reports.BLOCKING,
    exploits.FIGURE,
    imports.FIGURE,
    first_report.FIGURE,
    decisions.FIGURE,
    thousand.FIGURE,
    views.OPENING,
    views.READING,
    resumes.FIGURE,
    ray_executor.FIGURE,
)
