"""Run folders that are shown: which view a folder has."""

from pathlib import Path

from caviar.errors import BadRun
from caviar.reporting.run_folder import read_run
from caviar.reporting.tuning_replay import rows_of
from caviar.web.app import Data
from caviar.web.data_view import data_view
from caviar.web.other_view import OtherView
from caviar.web.sources import FolderSource
from caviar.web.stored_session import StoredSession
from caviar.web.study_view import StudyView

_STORED = "given in Python"


def folder_source(folder: Path, number: str) -> FolderSource:
    """A run folder as something to look at, whether its run is finished or not.

    Raises:
        BadRun: it is no run's, or of a later caviar.
    """
    command = read_run(folder)["asked"].get("command", "improve")
    name = folder.resolve().name
    if command == "tune":
        return FolderSource(number, name, "study", folder, StudyView(folder))
    if command == "watch":
        if read_run(folder)["asked"].get("data") in (None, _STORED):
            raise BadRun(
                f"A session is shown with its data, but {folder} was begun in Python with rows that are in no file. "
                "Its report: caviar.watching.session_report.write_report_in(folder, split)."
            )
        return FolderSource(number, name, "session", folder, StoredSession(folder))
    return FolderSource(number, name, "other", folder, OtherView(folder))


def folder_data(folder: Path) -> Data | None:
    """What to call for a view of the rows of a run; None where the run does not say where they are."""
    asked = read_run(folder)["asked"]
    if asked.get("command") not in ("tune", "watch") or asked.get("data") in (None, _STORED):
        return None

    return lambda: data_view(rows_of(asked, folder))
