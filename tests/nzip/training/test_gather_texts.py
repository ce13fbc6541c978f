"""Gathering training texts: the cleaning, what is kept of a clone, near-duplicates, the table."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter

import pytest
from support import ROOT


@pytest.fixture(scope="module")
def gathering():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
        import gather_texts

        yield gather_texts


@pytest.fixture(scope="module")
def duplicates(gathering):
    import near_duplicates

    return near_duplicates


JUDGED = (
    "The quick brown fox jumps over the lazy dog, and then it goes home again.\nShort line\n"
    + " " * 60
    + "x\n"
)


@pytest.fixture(scope="module")
def judged(duplicates):
    return duplicates.Judged(iter([JUDGED.encode()]))


def test_markup_and_code_go(gathering):
    page = "---\ntitle: A\n---\n# Head\n<!-- no -->\nA [link](https://x.y) <b>here</b>.\n```py\nos\n```\nEnd"
    assert gathering.markdown(page) == "# Head\n\nA link here.\n\nEnd"
    book = "<para>\n  a &lt; b &link.x; c\n</para><programlisting><![CDATA[\n<?php ?>\n]]></programlisting>d"
    assert gathering.docbook(book) == "\na < b  c\nd"
    module = "<metadata>no</metadata><para>yes <m:math><m:mi>x</m:mi></m:math>.</para>"
    assert gathering.cnxml(module) == "yes ."
    po = 'msgstr ""\n"Language: tr\\n"\n\nmsgid "a"\nmsgstr "İki "\n"parça\\n"\n\nmsgid "b"\nmsgstr ""\n'
    assert gathering.gettext(po) == "İki parça\n\n"
    assert gathering.conllu("# sent_id = 1\n# text = Bir cümle.\n1\tBir\t_\n") == "Bir cümle."
    assert gathering.minified('{"a": [1,\n 2]}') == '{"a":[1,2]}\n' and gathering.minified("{") == ""


def test_only_free_proposals_are_taken(gathering):
    free, other = "<pre>\n  License: BSD-2-Clause\n</pre>", "<pre>\n  License: OPL\n</pre>"
    assert gathering.mediawiki(free) == free
    assert gathering.mediawiki(other) == "" and gathering.mediawiki("no licence") == ""


@pytest.mark.parametrize(
    ("language", "line", "kept"),
    [
        ("ru", "Функция `array_map()` применяет обработчик к элементам", True),
        ("ru", "return array_map(function) // функция", False),
        ("zh", "此函数返回 `array_map()` 的结果。", True),
        ("zh", "Return the result of 函数", False),
        ("tr", "Bu işlev dosyanın içeriğini döndürür", True),
        ("tr", "This function returns the contents of a file", False),
    ],
)
def test_lines_of_another_language_are_told_apart(gathering, language, line, kept):
    assert gathering.in_language(line, language) is kept


def test_a_judged_line_is_found_whatever_its_blanks_and_case(judged):
    line = JUDGED.split("\n")[0]
    assert judged.holds(line) and judged.holds("  " + line.upper().replace(" ", "  "))
    assert not judged.holds(line.replace("fox", "cat"))
    assert not judged.holds("Short line")


def test_a_line_that_shares_a_shingle_goes_and_its_neighbours_stay(duplicates, monkeypatch):
    monkeypatch.setattr(duplicates, "SAMPLED", 1)
    judged = duplicates.Judged(iter([JUDGED.encode()]))
    part = JUDGED[5:60]
    text = f"before it\n... {part} ...\nafter it\n{' ' * 60}y"
    assert judged.without_shared(text) == (f"before it\nafter it\n{' ' * 60}y", 1)
    assert judged.without_shared(f"... {part[:47]}") == (f"... {part[:47]}", 0)


def test_a_sample_of_the_shingles_finds_a_longer_passage(duplicates):
    """One shingle in 16 is looked at, the same ones wherever the passage begins."""
    words = " ".join(f"{i * 7919 % 1000:03d} of" for i in range(200))
    judged = duplicates.Judged(iter([b"abc" + words.encode()]))
    kept, gone = judged.without_shared(f"first\n{words[100:900]}\nlast")
    assert (kept, gone) == ("first\nlast", 1)
    empty = duplicates.Judged(iter([]))
    assert empty.without_shared("a\n" + words) == ("a\n" + words, 0)


def test_a_text_is_gathered_from_a_clone(gathering, judged, tmp_path):
    clone = tmp_path / "clone"
    (clone / "docs").mkdir(parents=True)
    line = JUDGED.split("\n")[0]
    (clone / "docs" / "a.md").write_text(
        f"Alpha, the first sentence that counts as one, of 40.\n\n\n{line}\n"
    )
    (clone / "docs" / "b.md").write_text("Alpha,  the first sentence that COUNTS as one, of 40.\nBeta\n")
    (clone / "docs" / "c.txt").write_text("not asked for\n")
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "c"],
    ):
        subprocess.run(["git", "-C", clone, *words], check=True)
    text = gathering.Text("n", "en", "o/r", "HEAD", r"\.md$", "markdown", 1000, 1000, "MIT", 0, "")
    data, dropped = gathering.gather(text, clone, judged, Counter())
    lines = data.decode().split("\n")
    assert "Beta" in lines and sum("sentence" in one for one in lines) == 1 and line not in lines
    assert dropped == {"seen before": 1, "that a judged text has": 1, "that share a shingle with one": 0}


def test_the_table_is_whole_and_its_texts_are_named_with_free_licences(gathering):
    table = gathering.read_table()
    assert len({text.name for text in table}) == len(table) > 50
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    part = notice[notice.index("Further training texts:") : notice.index("Dictionaries:")]
    assert set(re.findall(r"more_[\w.]*\.txt", part)) == {text.name for text in table}
    for text in table:
        assert re.fullmatch("[0-9a-f]{40}", text.commit) and re.fullmatch("[0-9a-f]{64}", text.sha256)
        assert text.clean in gathering.CLEAN and text.size > 0 and re.compile(text.files)
        assert re.search("public domain|Unlicense|CC0|CC-BY|MIT|BSD|Apache|curl|GFDL", text.licence), (
            text.licence
        )
        assert not re.search("GPL|MPL|NC|ND", text.licence), text.licence
    per_language = Counter[str]()
    for text in table:
        per_language[text.language] += text.size
    assert all(per_language[language] >= 5_000_000 for language in ("tr", "ru", "zh", "en"))


@pytest.fixture(scope="module")
def encyclopaedic(gathering):
    import encyclopaedic

    return encyclopaedic


PROSE = "The history of the town is the history of its harbour, and a part of it is told in the museum. " * 3


def test_a_wikis_page_keeps_its_markup_and_loses_its_code(encyclopaedic):
    assert encyclopaedic.title_of('Page/en/A%2FB_"c".mediawiki') == "A/B &quot;c&quot;"
    text = f"'''Town''' [[a|b]] & it's <b>x</b>.<!--T:1-->\n ls -l\n<pre>\ncode\n</pre>{PROSE}"
    assert encyclopaedic.page(text) == f"'''Town''' [[a|b]] &amp; it's &lt;b&gt;x&lt;/b&gt;.\n{PROSE.strip()}"
    assert encyclopaedic.page("#REDIRECT [[" + PROSE) == ""
    assert (
        encyclopaedic.page("short") == "" and encyclopaedic.page("Der Hafen der Stadt ist alt. " * 20) == ""
    )


def test_a_dumps_articles_are_taken_and_marked_titles_become_its_elements(encyclopaedic):
    one = "<title>{}</title><ns>{}</ns><id>1</id><text bytes='1'>{}</text>"
    dump = one.format("Town", 0, "&quot;It&quot; " + PROSE) + one.format("User:A", 2, PROSE)
    marked = encyclopaedic.pages(dump)
    assert marked.split("\n", 1)[0] == encyclopaedic.TITLE + "Town" and "User" not in marked
    made = encyclopaedic.dumped(marked + f"\n{encyclopaedic.TITLE}Gone\nshort")
    assert made.startswith("  <page>\n    <title>Town</title>\n    <revision>\n      <text xml:space=")
    assert made.count("<page>") == 1 == made.count("&quot;It&quot;") and made.endswith("  </page>\n")


def test_articles_of_older_encyclopaedias_become_pages(encyclopaedic):
    coded = "«B»TOWN«/B», an «I»old«/I» «LN:Place|Place«/LN» or «LN:Site|one«/LN»«FN:no«/FN»."
    coded += f"«P»{PROSE}«TABLE»no«/TABLE»«SH:x»End.«/SH»"
    title, body = encyclopaedic.coded(coded).split("\n", 1)
    assert title == encyclopaedic.TITLE + "Town"
    assert (
        body.startswith("'''TOWN''', an ''old'' [[Place]] or [[Site|one]].\n")
        and "== End ==" in body
        and "no" not in body
    )
    div = '<div data-bbox="1" data-label="{}"><p>{}</p></div>'
    html = div.format("Text", f"TOWN, a <i>place</i>. {PROSE}") + div.format("Page-Header", "TOW " + PROSE)
    found = encyclopaedic.scan(html).split("\n", 1)
    assert found[0] == encyclopaedic.TITLE + "Town"
    assert found[1].strip() == f"'''Town''', a ''place''. {PROSE.strip()}"
    html = "<head><title>x</title></head><h2>One</h2><p>Two<a epub:type='noteref'>3</a>.</p><p>12,345</p>"
    assert encyclopaedic.book(html) == "One\nTwo."


def test_collections_of_facts_keep_what_is_prose(encyclopaedic):
    name = {"Country name": {"conventional short form": {"text": "Here"}}}
    held = {
        "Geography": {"Area": {"text": "12 sq km"}, "Note": {"text": f"<strong>in all:</strong> {PROSE}"}},
        "Government": name,
    }
    made = encyclopaedic.facts(json.dumps(held))
    assert made == f"{encyclopaedic.TITLE}Here\n==Geography==\n===Note===\n'''in all:''' {PROSE.strip()}"
    word = {"A": {"name": "Abel", "definitions": [{"text": "short"}, {"text": PROSE}]}}
    assert encyclopaedic.entries(json.dumps(word)) == f"\nAbel\n{PROSE.strip()}"
    page = f"Contents\n1 History\nHistory[]\n{PROSE.strip()}[2] It is the end of a part.\nNavy\n"
    assert encyclopaedic.fandom(page) == f"\nHistory\n{PROSE.strip()} It is the end of a part."


def test_pages_of_a_clone_become_a_dump(gathering, judged, tmp_path):
    clone = tmp_path / "clone"
    clone.mkdir()
    line = JUDGED.split("\n")[0]
    twice = "Another sentence, which stands in both of the pages.\n== Head ==\n"
    (clone / "Old_town.mw").write_text(f"{PROSE}\n{line}\n{twice}")
    (clone / "Other.mw").write_text(f"Elsewhere: {PROSE}\n{twice}")
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "c"],
    ):
        subprocess.run(["git", "-C", clone, *words], check=True)
    text = gathering.Text("n", "pages", "o/r", "HEAD", r"\.mw$", "page", 9000, 9000, "MIT", 0, "")
    data, dropped = gathering.gather(text, clone, judged, Counter())
    made = data.decode()
    assert made.count("<page>") == 2 == made.count("== Head ==") and "<title>Old town</title>" in made
    assert line not in made and dropped["that a judged text has"] == 1 == dropped["seen before"]
