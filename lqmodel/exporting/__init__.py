"""Wiring: a run + the declared mapping + the leads' source → files for a CRM."""

from lqmodel.exporting.erasing import forget
from lqmodel.exporting.export import check_declared, export
from lqmodel.exporting.folder import Export, check_written, export_folder, told, write_export

__all__ = [
    "Export",
    "check_declared",
    "check_written",
    "export",
    "export_folder",
    "forget",
    "told",
    "write_export",
]
