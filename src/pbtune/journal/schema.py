"""The run's database, as a person with ``sqlite3 -readonly`` sees it.

Two tables are written, ``events`` and ``reports``, and a cache; the rest are views over them.
``record`` and ``metrics`` are JSON text (see ``core/exact.py``), so ``json_extract(metrics,
'$.loss')`` works.
"""

from typing import Final

FORMAT: Final = 1
"""Of the database; a reader refuses a higher one."""

FOLDED: Final = """
-- What the events up to "last" fold to, for the next driver: a cache.
CREATE TABLE IF NOT EXISTS folded (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last INTEGER NOT NULL,
    code TEXT NOT NULL,
    state TEXT NOT NULL
);
"""
"""By itself, since databases of earlier versions lack it and get it when they are opened."""

SCHEMA: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- Every event and decision, in order. Rows with the same "commit" came in one transaction.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    "commit" INTEGER NOT NULL,
    at REAL NOT NULL,
    v INTEGER NOT NULL,
    kind TEXT NOT NULL,
    trial TEXT,
    record TEXT NOT NULL
);
CREATE INDEX events_by_trial ON events (trial, id);

-- Every report. superseded_by: the attempt that did this step again after a crash.
CREATE TABLE reports (
    id INTEGER PRIMARY KEY,
    trial TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    step INTEGER NOT NULL,
    time_total_s REAL NOT NULL,
    timestamp REAL NOT NULL,
    metrics TEXT NOT NULL,
    checkpoint TEXT,
    superseded_by INTEGER
);
CREATE INDEX reports_by_trial ON reports (trial, segment, step);

CREATE VIEW trials AS
WITH
    last_opened (id) AS (SELECT max(id) FROM events WHERE kind = 'opened'),
    states AS (
        SELECT c.trial AS trial, c.record AS record, (
            SELECT s.id FROM events s
            WHERE s.trial = c.trial AND s.kind IN (
                'created', 'started', 'yielded', 'exploited', 'failed', 'retried',
                'completed', 'abandoned')
            ORDER BY s.id DESC LIMIT 1) AS state_id, (
            SELECT x.id FROM events x
            WHERE x.trial = c.trial AND x.kind IN ('created', 'exploited', 'restarted')
            ORDER BY x.id DESC LIMIT 1) AS config_id
        FROM events c WHERE c.kind = 'created')
SELECT
    states.trial AS trial,
    json_extract(states.record, '$.index') AS number,
    CASE s.kind
        WHEN 'started' THEN CASE
            WHEN s.id > last_opened.id THEN 'RUNNING'
            WHEN EXISTS (
                SELECT 1 FROM events p
                WHERE p.trial = states.trial AND p.kind IN ('saved', 'exploited')) THEN 'PAUSED'
            ELSE 'PENDING' END
        WHEN 'yielded' THEN 'PAUSED'
        WHEN 'exploited' THEN 'PAUSED'
        WHEN 'completed' THEN 'DONE'
        WHEN 'abandoned' THEN 'FAILED'
        ELSE 'PENDING' END AS status,
    (SELECT count(*) FROM reports r
     WHERE r.trial = states.trial AND r.superseded_by IS NULL) AS report_count,
    (SELECT r.step FROM reports r
     WHERE r.trial = states.trial AND r.superseded_by IS NULL
     ORDER BY r.segment DESC, r.step DESC LIMIT 1) AS step,
    (SELECT r.metrics FROM reports r
     WHERE r.trial = states.trial AND r.superseded_by IS NULL
     ORDER BY r.segment DESC, r.step DESC LIMIT 1) AS metrics,
    json_extract(x.record, '$.config') AS config,
    json_extract(x.record, '$.donor') AS parent
FROM states, last_opened
JOIN events s ON s.id = states.state_id
JOIN events x ON x.id = states.config_id
ORDER BY number;

CREATE VIEW exploits AS
SELECT
    id, at, trial,
    json_extract(record, '$.donor') AS donor,
    coalesce(json_extract(record, '$.old_step'), 0) AS old_step,
    json_extract(record, '$.step') AS step,
    json_extract(record, '$.score') AS score,
    json_extract(record, '$.checkpoint') AS checkpoint,
    json_extract(record, '$.old_config') AS old_config,
    json_extract(record, '$.config') AS config,
    json_extract(record, '$.operations') AS operations
FROM events WHERE kind = 'exploited' ORDER BY id;

CREATE VIEW checkpoints AS
WITH released (checkpoint) AS (
    SELECT c.value FROM events, json_each(events.record, '$.checkpoints') c
    WHERE events.kind = 'released')
SELECT
    e.trial AS trial,
    json_extract(e.record, '$.checkpoint') AS checkpoint,
    json_extract(e.record, '$.step') AS step,
    json_extract(e.record, '$.score') AS score,
    coalesce(json_extract(e.record, '$.bytes'), 0) AS bytes,
    coalesce(json_extract(e.record, '$.file_count'), 0) AS file_count,
    json_extract(e.record, '$.digest') AS digest,
    e.at AS at,
    released.checkpoint IS NOT NULL AS is_deleted
FROM events e LEFT JOIN released ON released.checkpoint = json_extract(e.record, '$.checkpoint')
WHERE e.kind = 'saved' ORDER BY e.id;
"""
