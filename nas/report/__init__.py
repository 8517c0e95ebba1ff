"""What came out of a study, drawn from its records alone: front, hypervolume, figures, the page, files for machines."""

from nas.report.files import write_report
from nas.report.front import best, front
from nas.report.hypervolume import hypervolume, over_time, reference_point
from nas.report.latencies import latencies_of, latency_table
from nas.report.standing import constant_objectives, standings, verdict
from nas.report.svg import front_svg
from nas.report.table import summary_table
from nas.report.words import worth_showing

__all__ = [
    "best",
    "constant_objectives",
    "front",
    "front_svg",
    "hypervolume",
    "latencies_of",
    "latency_table",
    "over_time",
    "reference_point",
    "standings",
    "summary_table",
    "verdict",
    "worth_showing",
    "write_report",
]
