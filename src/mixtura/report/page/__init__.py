"""The report of a fit as one HTML page: `page.py` puts it together from rows, cards, charts and the text report."""

from mixtura.report.page.page import report_page, write_report

__all__ = ["report_page", "write_report"]
