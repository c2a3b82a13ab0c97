"""Where a benchmark's figures go."""

import json
from pathlib import Path
from typing import Any


def hand_over(report: dict[str, Any], path: Path | str | None) -> None:
    """Write the report to a file of JSON, or print it on one line."""
    if path is None:
        print(json.dumps(report))
    else:
        Path(path).write_text(json.dumps(report, indent=1), encoding="utf-8")
