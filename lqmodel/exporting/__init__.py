"""Wiring: a run + the declared mapping + the leads' source → files for a CRM."""

from lqmodel.exporting.export import export
from lqmodel.exporting.folder import Export, export_folder, told, write_export

__all__ = ["Export", "export", "export_folder", "told", "write_export"]
