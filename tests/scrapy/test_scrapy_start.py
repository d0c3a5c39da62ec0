"""Which spider runs, and what is said when none can."""

from pathlib import Path

from scrapy_child_run import BOOKSHOP, CHILD, project, run, spider, write

from lamplighter.demo.site import BookShop

HELLO = spider('yield {"text": response.css("p::text").get()}')


def test_the_demonstration_project_is_crawled_unchanged(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "bundle",
        {
            str(path.relative_to(BOOKSHOP)): path.read_text(encoding="utf-8")
            for path in BOOKSHOP.rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        },
    )
    with BookShop() as shop:
        outcome = run(folder, "books", {"start_url": shop.url, "category": "mystery"})
    assert outcome.status == 0
    assert outcome.problems == []
    assert outcome.report["finishReason"] == "finished"
    assert len(outcome.records) == outcome.report["counts"]["records"] == 10
    assert {type(record["price"]) for record in outcome.records} == {float}
    assert outcome.report["counts"]["pages"] == 13, "robots.txt, front page, category, ten books"
    assert outcome.report["counts"]["requests"] == 13
    assert outcome.report["counts"]["traffic"] > 1000


def test_a_single_file_needs_no_project(tmp_path: Path) -> None:
    files = {"first.py": "raise SystemExit('a script, not a spider')", "second.py": HELLO}
    assert run(write(tmp_path / "bundle", files)).records == [{"text": "hello"}]


def test_a_project_above_the_bundle_is_not_the_agents(tmp_path: Path) -> None:
    project(tmp_path, "import nothing_of_this_name")
    assert run(write(tmp_path / "bundle", {"spider.py": HELLO})).records == [{"text": "hello"}]


def test_the_modules_beside_the_child_cannot_be_imported(tmp_path: Path) -> None:
    body = 'import importlib.util as u\nyield {"found": u.find_spec("scrapy_child") is not None}'
    assert run(write(tmp_path / "bundle", {"spider.py": spider(body)})).records == [{"found": False}]


def test_modules_of_the_project_may_have_any_name_and_see_nothing_of_ours(tmp_path: Path) -> None:
    names = ["records", "report", "proxies", "crawling", "evidence", "agent", "runner", "lamplighter"]
    body = """
        ours = {name.partition(".")[0] for name in sys.modules if "lamplighter" in name}
        yield {"words": [module.WORD for module in modules], "ours": sorted(ours), "path": sys.path}
    """
    top = f"import importlib, sys\nmodules = [importlib.import_module(name) for name in {names!r}]"
    files = {f"{name}.py": f"WORD = {name!r}" for name in names}
    (record,) = run(write(tmp_path / "bundle", files | {"spider.py": spider(body, top=top)})).records
    assert record["words"] == names
    assert record["ours"] == ["_lamplighter", "lamplighter"], "the second is the project's own"
    assert not [path for path in record["path"] if path.startswith(str(CHILD.parent))]


def test_modules_beside_the_spider_can_be_imported(tmp_path: Path) -> None:
    files = {
        "words.py": "WORD = 'yes'",
        "spider.py": spider('yield {"word": WORD}', top="from words import WORD"),
    }
    assert run(write(tmp_path / "bundle", files)).records == [{"word": "yes"}]


def test_an_unknown_spider_of_a_project_names_the_known_ones(tmp_path: Path) -> None:
    outcome = run(project(tmp_path / "bundle", HELLO), "tset")
    assert outcome.status == 1
    assert outcome.problems == [
        "There is no spider named 'tset'. Did you mean 'test'? The spiders here are: test."
    ]
    assert "The spiders here are: test." in outcome.log


def test_an_unknown_spider_of_a_folder_names_the_known_ones_and_the_broken_files(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "bundle", {"spider.py": HELLO, "other.py": "import scrapy, nothing_of_this_name  # Spider"}
    )
    (problem,) = run(folder, "wanted").problems
    assert "The spiders here are: test." in problem
    assert (
        "other.py cannot be imported: ModuleNotFoundError: No module named 'nothing_of_this_name'" in problem
    )


def test_a_module_that_is_missing_is_told_with_its_place(tmp_path: Path) -> None:
    outcome = run(project(tmp_path / "bundle", "import nothing_of_this_name"))
    assert outcome.status == 1
    (problem,) = outcome.problems
    assert "ModuleNotFoundError: No module named 'nothing_of_this_name'" in problem
    assert "shop/spiders/test.py:1" in problem


def test_a_spider_that_cannot_be_made_is_told_and_the_other_rows_are_crawled(tmp_path: Path) -> None:
    attributes = """
        def __init__(self, number, **kwargs):
            super().__init__(**kwargs)
            self.number = int(number)
    """
    folder = project(tmp_path / "bundle", spider('yield {"number": self.number}', attributes=attributes))
    outcome = run(folder, given=[{"number": "one"}, {"number": 2}])
    assert outcome.status == 1
    assert outcome.records == [{"number": 2}]
    (problem,) = outcome.problems
    assert problem.startswith("Row 1: The crawl could not start: ValueError: invalid literal for int()")


def test_settings_that_cannot_be_made_are_told_and_logged(tmp_path: Path) -> None:
    attributes = """
        @classmethod
        def update_settings(cls, settings):
            raise RuntimeError("no such shop")
    """
    outcome = run(project(tmp_path / "bundle", spider("pass", attributes=attributes)))
    assert outcome.status == 1
    assert outcome.problems[0].startswith(
        "The crawl could not start: RuntimeError: no such shop (shop/spiders"
    )
    assert "RuntimeError: no such shop" in outcome.log


def test_a_broken_input_is_told(tmp_path: Path) -> None:
    outcome = run(project(tmp_path / "bundle", HELLO), given=[{}, 7])
    assert outcome.status == 1
    assert outcome.problems == ["Row 2 of the input is 7, not a JSON object"]
