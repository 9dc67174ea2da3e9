"""Wiring: a run + the declared mapping + the leads' source → files for a CRM."""

from lqmodel.exporting.erasing import forget
from lqmodel.exporting.export import check_declared, export
from lqmodel.exporting.folder import Export, export_folder, told, write_export

__all__ = ["Export", "check_declared", "export", "export_folder", "forget", "told", "write_export"]
