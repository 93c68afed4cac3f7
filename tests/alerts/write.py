#!/usr/bin/env python3
"""Writes promtool's unit tests of docs/operations/alerts.yml: each alert fires on its fault, and not without.

A rule that has no case here fails the run, and so does a case whose rule is gone.
Usage: write.py ALERTS.yml > TESTS.yml
"""

import re
import sys

# For each alert: the series of an installation with the fault, from the start; when it must fire; and the
# series of one without. Values are promtool's: 0x8 is nine samples of 0, 15 seconds apart.
CASES = {
    "CallwrightNoDialer": (
        [('callwright_workers{kind="dial",instance="web"}', "2x4 0x40")],
        "3m",
        [('callwright_workers{kind="dial",instance="web"}', "1x44")],
    ),
    "CallwrightNoDispatcher": (
        [('callwright_workers{kind="sweep",instance="web"}', "1x4 0x40"),
         ('callwright_workers{kind="step",instance="web"}', "1x44")],
        "3m",
        [('callwright_workers{kind="sweep",instance="web"}', "1x44"),
         ('callwright_workers{kind="step",instance="web"}', "1x44")],
    ),
    "CallwrightNoCourier": (
        [('callwright_workers{kind="import",instance="web"}', "1x44"),
         ('callwright_workers{kind="export",instance="web"}', "1x4 0x40")],
        "3m",
        [('callwright_workers{kind="import",instance="web"}', "1x44"),
         ('callwright_workers{kind="export",instance="web"}', "1x44")],
    ),
    "CallwrightNoWeb": (
        [('callwright_workers{kind="serve",instance="dispatcher"}', "1x4 0x40")],
        "3m",
        [('callwright_workers{kind="serve",instance="dispatcher"}', "1x44")],
    ),
    "CallwrightNobodyTells": (
        [('callwright_workers{kind="dial",instance="web"}', "1x4 stale"),
         ('jobs_oldest_due_age_seconds{queue="dial",instance="web"}', "0x4 stale")],
        "3m",
        [('callwright_workers{kind="dial",instance="web"}', "0x44"),
         ('jobs_oldest_due_age_seconds{queue="dial",instance="web"}', "0x44")],
    ),
    "CallwrightDeadLetters": (
        [('jobs_dead_total{queue="dial"}', "0x8 1x32")],
        "4m",
        [('jobs_dead_total{queue="dial"}', "3x40")],
    ),
    "CallwrightWorkersLost": (
        [("callwright_workers_lost_calls_total", "0x8 1x32")],
        "4m",
        [("callwright_workers_lost_calls_total", "3x40")],
    ),
    "CallwrightUnsound": (
        [('callwright_unsound{what="miscounts"}', "0x8 1x32")],
        "6m",
        [('callwright_unsound{what="miscounts"}', "0x8 1x2 0x30"),
         ('callwright_unsound{what="stuck_imports"}', "1x40")],
    ),
    "CallwrightImportsDropped": (
        [('callwright_unsound{what="stuck_imports"}', "0x8 2x32")],
        "6m",
        [('callwright_unsound{what="miscounts"}', "1x40")],
    ),
    "CallwrightRowsFail": (
        [('callwright_rows_failed_total{what="claim"}', "0x8 1x32")],
        "4m",
        [('callwright_rows_failed_total{what="claim"}', "3x40")],
    ),
    "CallwrightRecordingsFailed": (
        [("callwright_recordings_failed_total", "0x8 1x32")],
        "4m",
        [("callwright_recordings_failed_total", "0x40")],
    ),
    "CallwrightSweepsFindMuch": (
        [('callwright_sweep_found_total{sweep="lost_jobs"}', "0+60x40")],
        "8m",
        [('callwright_sweep_found_total{sweep="due_redials"}', "0+60x40")],
    ),
    "CallwrightSweepsFail": (
        [('callwright_sweep_failed_total{sweep="clock_edges"}', "0+5x40")],
        "6m",
        [('callwright_sweep_failed_total{sweep="clock_edges"}', "0x8 3x32")],
    ),
    "CallwrightQueueWaits": (
        [('jobs_oldest_due_age_seconds{queue="dial",instance="web"}', "0x4 11x40")],
        "4m",
        [('jobs_oldest_due_age_seconds{queue="dial",instance="web"}', "9x40")],
    ),
    "CallwrightImportsStuck": (
        [('jobs_oldest_due_age_seconds{queue="import",instance="web"}', "0+15x40")],
        "8m",
        [('jobs_oldest_due_age_seconds{queue="import",instance="web"}', "200x40")],
    ),
    "CallwrightImportsFail": (
        [('jobs_failed_total{queue="import"}', "0+3x40")],
        "8m",
        [('jobs_failed_total{queue="import"}', "0x8 15x32")],
    ),
    "CallwrightAuditLost": (
        [("callwright_audit_lost_total", "0x8 1x32")],
        "4m",
        [("callwright_audit_lost_total", "0x40")],
    ),
}


def case(alert, series, at, fires):
    lines = [f"  - name: {alert} {'fires' if fires else 'is quiet'}", "    interval: 15s", "    input_series:"]
    for name, values in series:
        lines += [f"      - series: '{name}'", f"        values: '{values}'"]
    lines += ["    promql_expr_test:",
              f"      - expr: count(ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}) or vector(0)",
              f"        eval_time: {at}",
              "        exp_samples:",
              "          - labels: '{}'",
              f"            value: {1 if fires else 0}"]
    return "\n".join(lines)


def main():
    alerts_file = sys.argv[1]
    alerts = re.findall(r"^ *- alert: (\w+)$", open(alerts_file).read(), re.M)
    untested, gone = set(alerts) - set(CASES), set(CASES) - set(alerts)
    if untested or gone:
        sys.exit(f"without a test: {sorted(untested)}; tests of no rule: {sorted(gone)}")
    print(f"rule_files: [{alerts_file}]\nevaluation_interval: 15s\ntests:")
    for alert in alerts:
        fault, at, well = CASES[alert]
        print(case(alert, fault, at, True))
        print(case(alert, well, at, False))


main()
