# SPDX-License-Identifier: Apache-2.0
"""What holds for all Python tests: how many run beside each other, and that no file is without a test."""

from __future__ import annotations

import os
import unittest
from collections.abc import Generator
from typing import Any

import pytest


def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means: two tests for each core, because programs that start also wait."""
    return 2 * len(os.sched_getaffinity(0))


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, None]:
    """A file in which no test is found, by a slip in a name, would else look like a file whose tests all pass."""
    outcome = yield
    report = outcome.get_result()
    if isinstance(collector, pytest.Module) and report.passed and not holds_tests(report.result):
        report.outcome = "failed"
        report.longrepr = f"{collector.path} has no test"


def holds_tests(found: list[Any]) -> bool:
    """Whether a module has test functions, or classes with tests."""
    return any(isinstance(item, pytest.Item) or unittest.defaultTestLoader.getTestCaseNames(item.obj) for item in found)
