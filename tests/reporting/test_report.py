"""`report.html` and `summary.json` of a finished run whose columns and classes have hostile names."""

import html.parser
import json
import math
import re

import numpy as np
import pytest
from safetensors.numpy import load_file

from small_runs import HOSTILE, finished

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(html.parser.HTMLParser):
    """What a browser would see: elements, their attributes, and the text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.words, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style"} & set(self.open):
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return finished(tmp_path_factory.getbasetemp())[0]


@pytest.fixture(scope="module")
def page(run):
    return Page((run.folder / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def summary(run):
    return json.loads((run.folder / "summary.json").read_text(), parse_constant=pytest.fail)


def test_the_page_is_whole_and_loads_nothing(page):
    assert page.open == []
    tags = {tag for tag, _ in page.elements}
    assert {"html", "title", "svg", "table", "figure"} <= tags
    assert not tags & {"script", "link", "iframe", "object", "embed", "base", "form", "img"}
    for _, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name.endswith(("src", "href", "srcset", "action", "data", "poster")):
                assert value.startswith(("#", "data:image/png;base64,"))
            assert not re.search(r"url\(\s*['\"]?(?!#)", value or "")


def test_the_style_loads_nothing(run):
    style = re.findall(r"<style.*?</style>", (run.folder / "report.html").read_text(encoding="utf-8"), re.DOTALL)
    assert style
    assert not any(re.search(r"@import|url\(\s*['\"]?\s*(https?:|//)", part) for part in style)


def test_names_from_data_are_text(page, run):
    assert HOSTILE in page.text
    assert f"yes {HOSTILE}" in page.text
    assert "b [red]$x$" in page.text
    assert "no & 'never' $" in page.text
    assert HOSTILE not in (run.folder / "report.html").read_text(encoding="utf-8")


def test_every_link_has_its_place(page):
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert len(links) == 9
    assert {link.removeprefix("#") for link in links} <= ids


def test_what_a_person_looks_for(page, summary):
    assert "Your network was improved, and the test rows confirm it: error on held-out rows" in page.text
    for heading in ("Proof", "The network", "Data", "Diagnosis", "Remedies", "Search", "Learning curves", "Confusion"):
        assert heading in page.text
    for row in summary["baselines"]:
        assert f" {row['name']} " in page.text
    for remedy in summary["remedies"]:
        assert remedy["name"] in page.text
        assert f"{remedy['name']} ({remedy['verdict']})" in page.text
    for finding in summary["findings"]:
        assert finding["meaning"] in page.text
    assert "avoidable bias" in page.text
    assert "95 %" in page.text
    assert sum(tag == "svg" for tag, _ in page.elements) == 6
    assert f"{summary['networks_trained']:,} networks were trained" in page.text


def test_the_summary_has_the_keys_of_the_design(summary):
    assert summary["format"] == 1
    assert {
        "task", "metric", "rows", "split", "baselines", "best", "findings", "remedies", "networks_trained", "seconds",
        "seed", "versions", "improved", "judged", "trials",
    } <= summary.keys()  # fmt: skip
    assert (summary["task"], summary["metric"], summary["rows"], summary["seed"]) == ("classification", "error", 60, 0)
    assert summary["split"] == {"train": 36, "dev": 12, "test": 12}
    assert [row["name"] for row in summary["baselines"]] == ["constant", "linear", "default", "yours"]
    for row in summary["baselines"]:
        assert row.keys() >= {"name", "dev_error", "test_error"}
    assert summary["best"].keys() >= {"config", "train_error", "dev_error", "test_error", "scores"}
    assert set(summary["best"]["scores"]) == {"error", "auc", "log_loss", "f1", "balanced_accuracy"}
    for finding in summary["findings"]:
        assert finding.keys() >= {"name", "severity", "evidence", "meaning"}
        assert finding["severity"] in ("info", "warning", "critical")
    for remedy in summary["remedies"]:
        assert remedy.keys() >= {"name", "gain", "verdict"}
        assert remedy["verdict"] in ("accepted", "rejected", "undecided")
    assert {"python", "caviar", "jax", "numpy", "optuna"} <= summary["versions"].keys()


def test_every_figure_has_its_interval_and_rows(summary):
    best = summary["best"]
    figures = [best["train_error"], best["dev_error"], best["test_error"], *best["scores"].values()]
    figures += [row[name] for row in summary["baselines"] for name in ("dev_error", "test_error", "gain")]
    figures += [remedy[name] for remedy in summary["remedies"] for name in ("gain", "error_gain")]
    for figure in figures:
        assert figure.keys() == {"value", "low", "high", "rows"}
        assert figure["low"] <= figure["value"] <= figure["high"]
        assert math.isfinite(figure["value"])
    assert best["test_error"]["rows"] == 12
    assert best["dev_error"]["rows"] == 48
    assert best["scores"]["error"] == best["test_error"]


def test_curves_of_every_trial_are_kept(run, summary):
    curves = load_file(run.folder / "curves" / "trials.safetensors")
    numbers = {int(name.partition(".")[0]) for name in curves}
    assert numbers == set(range(summary["trials"]))
    assert {name.partition(".")[2] for name in curves} >= {"train_loss", "dev_loss", "train_error", "dev_error"}
    assert all(np.isfinite(curve).all() for curve in curves.values())
