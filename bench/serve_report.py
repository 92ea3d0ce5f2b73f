"""Turns the results into the page docs/serving-performance.md."""

from typing import Any

HEAD = """# Performance of the server

`make bench-serve BENCH_ARGS='--write docs --apiserver'` writes this page. Server and load generator (wrk) have a core
each; one worker each; the same sets, the same headers in answers and requests (`User-Agent`, `Accept`,
`Accept-Encoding: identity`, `If-None-Match` for 304); nginx serves static files from its open-file cache. Every case
runs both servers in turn, {pairs} pairs of {seconds:g} s (Go: one); the ratio is the median of the pairs' ratios, so
that what else the machine did hits both sides. Above 1 is more requests than the peer; for p99 and CPU, below 1 is
better. CPU is what the server itself used for one request; of all numbers it depends least on what else the machine
did. The handshakes of all connections are part of a run over TLS, and weigh more the shorter it is.

Machine: {machine}.
"""


def write_report(document: dict[str, Any]) -> str:
    """Return the page."""
    peers = dict.fromkeys(result["peer"] for result in document["results"])
    parts = [HEAD.format(**document)]
    parts += [f"\n## Beside {peer}\n\n{_table(document['results'], peer)}" for peer in peers]
    memory = "".join(f"| {name} | {megabytes:.1f} |\n" for name, megabytes in document["rss_mb"].items())
    parts.append(
        f"\n## Memory after the runs\n\nResident, in MB, of one server.\n\n| server | MB |\n|---|---|\n{memory}"
    )
    parts += [
        "\n## kube-apiserver\n\nIts own `/openid/v1/jwks` (HTTPS, token, 64 connections, all its cores): "
        f"{found['rate']:,.0f} requests/s, p99 {found['p99']:.1f} ms.\n"
        for found in document["apiserver"]
    ]
    return "".join(parts)


def _table(results: list[dict[str, Any]], peer: str) -> str:
    rows = [
        "| set | connections | answer | | requests/s | peer | **ratio** | pairs | p99 ms | peer | ratio "
        "| CPU µs | peer | ratio |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for result in (result for result in results if result["peer"] == peer):
        case, ours, theirs = result["case"], result["ours"], result["theirs"]
        rates = sorted(result["rate_ratios"])
        rows.append(
            f"| {case['size']} | {case['connections']} | {case['status']} | {'TLS' if case['tls'] else ''} "
            f"| {ours['rate']:,.0f} | {theirs['rate']:,.0f} | **{result['rate_ratio']:.2f}** "
            f"| {rates[0]:.2f}–{rates[-1]:.2f} | {ours['p99']:.2f} | {theirs['p99']:.2f} | {result['p99_ratio']:.2f} "
            f"| {ours['cpu']:.1f} | {theirs['cpu']:.1f} | {result['cpu_ratio']:.2f} |"
        )
    return "\n".join(rows) + "\n"
