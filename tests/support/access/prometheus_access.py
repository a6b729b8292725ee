"""Who may ask by Prometheus's read API."""

from __future__ import annotations

from tests.support.access.cases import Case, query, reading_of_vehicles


def prometheus() -> dict[str, Case]:
    """Prometheus's read API about user 1, by GET and, where Grafana posts, by a form."""
    selector = "steps%7Buid=%221%22%7D"
    vector = (
        '{"status":"success","data":{"resultType":"vector","result":'
        '[{"metric":{"__name__":"steps","uid":"1"},"value":[1496539748,"%d"]}]}}'
    )
    matrix = (
        '{"status":"success","data":{"resultType":"matrix","result":'
        '[{"metric":{"__name__":"steps","uid":"1"},"values":[[1496539748,"%d"]]}]}}'
    )
    series = '{"status":"success","data":[{"__name__":"steps","uid":"1"}]}'
    names = '{"status":"success","data":["__name__","atid","board","uid"]}'
    at = "start=1496539748&end=1496539748&step=1"
    both = {
        "query": (f"query={selector}&time=1496539748", vector % 10, vector % 0),
        "query_range": (f"query={selector}&{at}", matrix % 10, matrix % 0),
        "series": (f"match%5B%5D={selector}", series, series),
        "labels": ("match%5B%5D=steps", names, names),
    }
    found = {}
    for name, (asked, full, empty) in both.items():
        path = f"/api/v1/{name}"
        found[f"GET {path}"] = query(f"{path}?{asked}", b"", full, empty)
        found[f"POST {path}"] = query(path, asked.encode(), full, empty)
    atids = '{"status":"success","data":%s}'
    path = "/api/v1/label/{name}/values"
    found[f"GET {path}"] = query(
        f"/api/v1/label/atid/values?match%5B%5D={selector}", b"", atids % '["2"]', atids % "[]"
    )
    found["GET /api/v1/metadata"] = reading_of_vehicles("/api/v1/metadata", 200)
    found["GET /api/v1/status/buildinfo"] = reading_of_vehicles("/api/v1/status/buildinfo", 200)
    return found
