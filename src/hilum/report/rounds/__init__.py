"""Pages, tables and figures of sweeps and searches of reading rounds."""

from hilum.report.rounds.folder import write_search, write_sweep

__all__ = ["write_search", "write_sweep"]
