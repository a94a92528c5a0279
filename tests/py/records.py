"""Counts the records of calls in a data directory, and those that are still open. The server must not run."""

import json
import sqlite3
import sys
from pathlib import Path

database = Path(sys.argv[1]) / "convoke.db"
connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
found = {}
for table in ("conferences", "legs"):
    found[table] = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    found[f"open_{table}"] = connection.execute(
        f"SELECT count(*) FROM {table} WHERE ended_at IS NULL"
    ).fetchone()[0]
print(json.dumps(found))
