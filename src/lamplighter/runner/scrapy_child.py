"""Runs one Scrapy spider for one run of an agent, and reports what became of it: the program's first lines.

It is started by path, in the folder of the agent's bundle, with the Python of the agent's own environment,
where nothing of Lamplighter may be installed and Scrapy may be any version from 2.13 on. The rest of the program
is the package ``scrapy_side`` beside this file. To reach it, this file makes a package of its own name that
looks for modules where Lamplighter's are; no folder is put on ``sys.path``, so that no name of ours can stand
before a module of the project, and none of the project before ours.

What it does and what the environment tells it is in ``scrapy_side/__init__.py``.
"""

import os
import sys

if __name__ == "__main__" and os.path.realpath(sys.path[0]) == os.path.dirname(os.path.realpath(__file__)):  # noqa: PTH120
    # Python put the folder of this file first. Its modules are no business of the spider.
    del sys.path[0]

import importlib
import json
import pathlib
import traceback
import types

ROOT = "_lamplighter"
OLDEST_SCRAPY = (2, 13)


def no_scrapy() -> str | None:
    """Why the Scrapy of this environment cannot be used, in a sentence; None when it can."""
    try:
        scrapy = importlib.import_module("scrapy")
    except Exception as error:  # noqa: BLE001 - what a broken installation raises may be anything
        if isinstance(error, ModuleNotFoundError) and error.name == "scrapy":
            return "Scrapy is not installed in the agent's environment: add it to requirements"
        traceback.print_exc()
        return f"Scrapy cannot be imported: {type(error).__name__}: {error}"
    if scrapy.version_info < OLDEST_SCRAPY:
        oldest = ".".join(map(str, OLDEST_SCRAPY))
        return f"Scrapy {scrapy.__version__} is too old: {oldest} or newer is needed"
    return None


def refuse(problem: str) -> int:
    """Tell why nothing is crawled, in the log and in the report; returns the exit status."""
    sys.stderr.write(f"{problem}\n")
    path = os.environ.get("LAMPLIGHTER_REPORT")
    if path:
        report = {"final": True, "finishReason": None, "problems": [problem]}
        pathlib.Path(path).write_text(json.dumps(report), encoding="utf-8")
    return 1


def load() -> types.ModuleType:
    """The module that crawls, as ``_lamplighter.runner.scrapy_side.crawling``."""
    root = types.ModuleType(ROOT, "Lamplighter's own modules, beside whatever the project has of that name.")
    root.__path__ = [str(pathlib.Path(__file__).resolve().parents[1])]
    sys.modules[ROOT] = root
    return importlib.import_module(f"{ROOT}.runner.scrapy_side.crawling")


if __name__ == "__preload__" and no_scrapy() is None:
    # Whoever forks this process has the imports of every crawl done. A reactor must be the run's own.
    load().preload()

if __name__ == "__main__":
    problem = no_scrapy()
    sys.exit(refuse(problem) if problem else load().main())
