"""Answers, filters, and whole files: equal to the program's own output."""

from __future__ import annotations

import datetime as dt
import json
import os

import pytest

import nfdecode
from conftest import ARCHIVE, ROUTER


def plain(rows):
    """Times as the program prints them in JSON with --utc."""
    def value(found):
        if isinstance(found, dt.datetime):
            return found.strftime("%Y-%m-%dT%H:%M:%S.") + f"{found.microsecond // 1000:03d}"
        return found

    return [{name: value(found) for name, found in row.items()} for row in rows]


def same(ours, printed):
    ours = plain(ours)
    assert len(ours) == len(printed)
    for mine, its in zip(ours, printed):
        assert list(mine) == list(its)
        for name in mine:
            left, right = mine[name], its[name]
            if isinstance(left, float) or isinstance(right, float):
                assert left == pytest.approx(right, abs=0.01)
            elif isinstance(left, str) and isinstance(right, str) and left[:2] == "20":
                assert left[:19] == right[:19]
            else:
                assert left == right, name


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (("src_addr",), []),
        (("src_addr/24,dst_port",), ["-n", "0"]),
        (("proto",), ["--by", "flows"]),
        (("dst_addr",), ["--by", "distinct:src_addr", "--distinct", "dst_port"]),
        (("proto",), ["--every", "60s", "-n", "2"]),
        (("ip",), ["--ascending", "-n", "5"]),
        (("port",), ["--filter", "proto udp"]),
        (("src_addr",), ["--having", "flows > 5 and bytes < 40k or distinct:dst_port > 3", "-n", "0"]),
        (("dst_port",), ["--by", "p95:duration", "--quantile", "median:bytes"]),
    ],
)
def test_top(run, arguments, options):
    words = dict(zip(options[::2], options[1::2])) if "--ascending" not in options else {"-n": "5"}
    given = {"ascending": True} if "--ascending" in options else {}
    names = {"--quantile": "quantiles"}
    names |= {f"--{name}": name for name in ["by", "having", "distinct", "every", "filter"]}
    given |= {names[word]: value for word, value in words.items() if word in names}
    if "-n" in words:
        given["n"] = int(words["-n"]) or None
    for source in [ARCHIVE, ROUTER]:
        printed = json.loads(run("top", *arguments, source, "-f", "json", "--utc", *options))
        same(nfdecode.top(source, *arguments, **given), printed)


@pytest.mark.parametrize("options", [[], ["--split", "proto"], ["--spread", "end", "--every", "10s"]])
def test_series(run, options):
    given = {word.strip("-"): value for word, value in zip(options[::2], options[1::2])}
    printed = json.loads(run("series", ARCHIVE, "-f", "json", "--utc", *options))
    same(nfdecode.series(ARCHIVE, **given), printed)


def test_wrong_questions():
    for ask in [
        lambda: nfdecode.top(ARCHIVE, "src_adr"),
        lambda: nfdecode.top(ARCHIVE, "proto", by="size"),
        lambda: nfdecode.top(ARCHIVE, "proto", n=0),
        lambda: nfdecode.top(ARCHIVE, "proto", having="bytes >"),
        lambda: nfdecode.top(ARCHIVE, "proto", having="byte > 1"),
        lambda: nfdecode.top(ARCHIVE, "proto", quantiles="bytes"),
        lambda: nfdecode.series(ARCHIVE, 0),
        lambda: nfdecode.series(ARCHIVE, spread="wide"),
        lambda: nfdecode.series(ARCHIVE, split="nothing"),
    ]:
        with pytest.raises(ValueError):
            ask()


def test_filters():
    tcp = nfdecode.Filter("proto tcp")
    assert str(tcp) and "tcp" in tcp.explain().lower() or "6" in tcp.explain()
    assert tcp == nfdecode.Filter("proto 6") and hash(tcp) == hash(nfdecode.Filter("proto 6"))
    assert tcp != nfdecode.Filter("proto udp") and "Filter(" in repr(tcp)
    count = lambda filter: nfdecode.read(ARCHIVE, filter=filter).count()  # noqa: E731
    web = nfdecode.Filter("port 443")
    assert count(tcp & web) == count("proto tcp and port 443")
    assert count(tcp | web) == count("proto tcp or port 443")
    assert count(~tcp) == count("not proto tcp") == 419 - count(tcp)


def test_errors_of_filters_have_a_place():
    text = 'ident "ä" and dst prot 5'
    with pytest.raises(nfdecode.FilterError) as caught:
        nfdecode.Filter(text)
    with pytest.raises(nfdecode.FilterError) as caught:
        nfdecode.read(ARCHIVE, filter="proto tcp and dst prot 5")
    error = caught.value
    assert error.message and error.suggestion and "^" in str(error)
    start, end = error.span
    assert error.text[start:end] in ("dst prot", "prot", "dst")
    assert isinstance(error, ValueError)


def test_info(run, damaged):
    for source in [ARCHIVE, ROUTER]:
        found = nfdecode.info(source)
        assert [one.pop("damage") for one in found] == [[] for _ in found]
        assert found == json.loads(run("info", "--json", source))
    found = nfdecode.info(damaged)
    assert found[0].pop("damage")
    assert found == json.loads(run("info", "--json", damaged, status=3))
    with pytest.raises(nfdecode.DamageError):
        nfdecode.info(__file__)


def test_check(run, damaged, truncated):
    for source, status in [(ARCHIVE, 0), (ROUTER, 0), (damaged, 3), (truncated, 3)]:
        assert nfdecode.check(source) == json.loads(run("check", "--json", source, status=status))
    assert [one["verdict"] for one in nfdecode.check([ROUTER, damaged, __file__])] == ["intact", "damaged", "unreadable"]


def test_rewrite_and_repair(tmp_path, damaged, truncated):
    out = tmp_path / "nfcapd.202601010100"
    expected = nfdecode.read(ROUTER).to_dicts()
    for compression in ["none", "lz4", "zstd", "bz2", "lzo"]:
        assert nfdecode.rewrite(ROUTER, out, compression=compression) == len(expected)
        assert nfdecode.read(out).to_dicts() == expected
        assert nfdecode.info(out)[0]["compression"] == compression
    assert nfdecode.rewrite(ROUTER.read_bytes(), out) == len(expected)
    with pytest.raises(nfdecode.DamageError):
        nfdecode.rewrite([ROUTER, damaged], out)
    with pytest.warns(nfdecode.DamageWarning):
        nfdecode.rewrite([ROUTER, damaged], out, errors="warn")
    for broken in [damaged, truncated]:
        flows = nfdecode.repair(broken, out)
        assert nfdecode.check(out)[0]["verdict"] == "intact" and nfdecode.read(out).count() == flows
    with pytest.raises(ValueError, match="also an input"):
        nfdecode.rewrite(out, out)
    with pytest.raises(ValueError, match="unknown compression"):
        nfdecode.rewrite(ROUTER, out, compression="zip")
    with pytest.raises(FileNotFoundError):
        nfdecode.rewrite(ROUTER, "/nowhere/x")
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]


def test_columns():
    columns = nfdecode.columns()
    assert len(columns) > 120 and {"name", "type", "key", "doc", "standard"} == set(columns[0])
    assert next(column for column in columns if column["name"] == "in_bytes")["key"] == "in_bytes"
