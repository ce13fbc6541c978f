"""The playground's JavaScript gives the codec's ids, on any bytes: in Node where it is here, and in the page
itself in a headless browser where one is."""

import html
import json
import random
import re
import shutil
import subprocess

import pytest
from nasty import NASTY, random_bytes

import tokenizers_lab as lab
from tokenizers_lab.errors import LabError
from tokenizers_lab.report import playground

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
TRICKY = [
    "don't WON'T I'LL 'ſ x'ſ 'Re'VE",
    "HTTPServer camelCase XMLhttp ǅungla ǅ ªº ʰA Aʰb 中A中a e\u0301E\u0301 \u0301a\u0301B",
    "1234567 ٣٤٥ ½ x²y 12\u0301 v1.2",
    " \t  x\n\n  \r\n y \u2003z \u2028 \xa0\u3000",
    "//// a/b\n\n;;;\r\n -- /\n/",
    "İstanbul'da ığüşöç 日本語テキスト 한국어 हिन्दी தமிழ் 🙂👩‍👩‍👧",
    "a" * 300 + "ab" * 200,
]


@pytest.fixture(scope="module")
def codecs(bpe, english, tmp_path_factory):
    """One of each splitter, and ranks (whole words first)."""
    made = {"gpt2": bpe}
    for pre in ("gpt4", "qwen2", "o200k", "none"):
        made[pre] = lab.train(documents=[english[:20_000], *map(str.encode, TRICKY)], vocab_size=600, pre=pre)
    made["lines"] = lab.train(documents=[english[:20_000]], vocab_size=600, transition=400)
    from tokenizers_lab.codecs.tiktoken import export

    path = tmp_path_factory.mktemp("ranks") / "x.tiktoken"
    export(made["gpt4"], path)
    made["ranks"] = lab.load(path)
    special = lab.train(documents=[english[:20_000]], vocab_size=400, special=["<|endoftext|>"])
    return {**made, "special": special}


@pytest.fixture(scope="module")
def texts(english):
    rng = random.Random(5)
    return [*NASTY, *map(str.encode, TRICKY), *(random_bytes(rng) for _ in range(80)), english[:1500]]


def expected(codecs, texts):
    return {name: [codec.encode(raw).tolist() for raw in texts] for name, codec in codecs.items()}


def test_node_gives_the_codecs_ids(codecs, texts, tmp_path):
    node = shutil.which("node")
    if (
        node is None
        or subprocess.run([node, "-e", "new DecompressionStream('deflate')"], check=False).returncode
    ):
        pytest.skip("needs Node 18 or later")
    program = playground.resources.files(playground.__package__).joinpath("playground.js")
    classes = (
        playground.resources.files("tokenizers_lab.pretokenize").joinpath("unicode_classes.txt").read_text()
    )
    (tmp_path / "in.json").write_text(
        json.dumps(
            {
                "packed": [playground.packed(name, codec) for name, codec in codecs.items()],
                "classes": classes,
                "texts": [list(raw) for raw in texts],
            }
        )
    )
    (tmp_path / "run.js").write_text(
        f"const lab = require({json.dumps(str(program))});"
        "const given = JSON.parse(require('fs').readFileSync(process.argv[2]));"
        "lab.start(given.packed, given.classes).then((codecs) => console.log(JSON.stringify("
        "Object.fromEntries(codecs.map((c) => "
        "[c.name, given.texts.map((t) => c.encode(Uint8Array.from(t)))])))"
        "));"
    )
    done = subprocess.run(
        [node, str(tmp_path / "run.js"), str(tmp_path / "in.json")],
        capture_output=True,
        text=True,
        check=True,
    )
    got = json.loads(done.stdout)
    for name, codec in codecs.items():
        for raw, mine in zip(texts, got[name]):
            ids = codec.encode(raw)
            assert [i for i, _ in mine] == ids.tolist(), (name, raw)
            assert [end for _, end in mine] == codec.offsets(raw, ids)[1:].tolist(), (name, raw)


def dump(page, tmp_path) -> str:
    """The page's document after its programs have run."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("needs a browser: Debian's chromium")
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    command += ["--virtual-time-budget=20000", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout.strip():
        pytest.skip(f"{browser} shows no page here: {done.stderr.strip()[-200:]}")
    return done.stdout


@pytest.mark.parametrize("kind", ["the report", "the playground alone"])
def test_the_page_in_a_browser(kind, codecs, texts, tmp_path):
    named = {
        "gpt2 & <b>": codecs["gpt2"],
        **{n: c for n, c in codecs.items() if n != "gpt2"},
        "bytes": lab.load("bytes"),
    }
    if kind == "the report":
        results = lab.analyze(
            [codecs["gpt2"], codecs["o200k"], "bytes"],
            {"a.txt": b"to be or not to be\n" * 40},
            compressors=(),
            labels=["gpt2 & <b>", "o200k", "bytes"],
        )
        page = lab.write_report(results, live=playground.section(named))
    else:
        page = playground.page(named)
    assert not re.search(r"(?:src|href)\s*=\s*[\"'](?!#)", page.replace("xlink:href", "x"))
    probe = """<script>
    (async () => {
      while (!tokenizersLab.codecs) await new Promise((done) => setTimeout(done, 20));
      const typed = document.getElementById("typed");
      typed.value = "typed by\\n<hand> ";
      typed.dispatchEvent(new Event("input"));
      const out = document.createElement("pre");
      out.id = "out";
      out.textContent = JSON.stringify({
        ids: tokenizersLab.codecs.map((c) => TEXTS.map((t) => c.encode(Uint8Array.from(t)).map(([id]) =>
        id))), shown: [...document.querySelectorAll("#live-cards .view")].map((v) =>
        v.querySelector("code").textContent), text: document.querySelector("#live-cards .tokens").textContent,
        count: document.querySelector("#live-cards b span").textContent, }); document.body.append(out); })();
        </script>""".replace("TEXTS", json.dumps([list(raw) for raw in texts]))
    (tmp_path / "page.html").write_text(page.replace("</body>", f"{probe}</body>"))
    found = re.search(r'<pre id="out">(.*?)</pre>', dump(tmp_path / "page.html", tmp_path), re.DOTALL)
    assert found, "the page's program did not end"
    got = json.loads(html.unescape(found[1]))
    live = [c for n, c in named.items() if n != "bytes"]
    assert len(got["ids"]) == len(live)
    for (name, codec), mine in zip(named.items(), got["ids"]):
        for raw, ids in zip(texts, mine):
            assert ids == codec.encode(raw).tolist(), (name, raw)
    typed = b"typed by\n<hand> "
    assert got["shown"] == [" ".join(map(str, c.encode(typed))) for c in live]
    assert got["text"] == "typed by↵<hand> "
    assert got["count"].startswith(f"{len(live[0].encode(typed))} tokens")


def test_the_verb_writes_the_page(codecs, tmp_path, capsys):
    from tokenizers_lab.cli.main import main

    codecs["gpt2"].save(tmp_path / "T.json")
    wanted = tmp_path / "P.html"

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main(["playground", *map(str, arguments)])
        return end.value.code, capsys.readouterr().err

    assert run(tmp_path / "T.json", "bytes", "--label", "mine", "--label", "raw", "-o", wanted) == (
        0,
        f"{wanted}: written\n",
    )
    page = wanted.read_text("utf-8")
    assert page == playground.page({"mine": lab.load(tmp_path / "T.json"), "raw": lab.load("bytes")})
    assert "<title>Try it: mine, raw</title>" in page and "Not live: raw" in page and "<nav" not in page
    code, err = run(tmp_path / "T.json", "-o", wanted)
    assert code == 1 and "exists already" in err and wanted.read_text("utf-8") == page
    code, err = run("bytes", "-o", tmp_path / "none.html")
    assert code == 1 and err.count("\n") == 1 and "nothing here can be live: bytes" in err
    assert run("gpt22", "-o", tmp_path / "none.html")[0] == 1 and not (tmp_path / "none.html").exists()


def test_what_is_not_live_is_said(codecs, unigram):
    own = lab.train(documents=[b"abc abd " * 50], vocab_size=260, pre="regex:[a-c]+|[^a-c]+")
    part = playground.section({"mine": codecs["gpt2"], "own": own, "unigram <1>": unigram})
    assert "own (its pattern is one of its own)" in part
    assert "unigram &lt;1&gt; (no byte-level BPE of the lab&#39;s)" in part
    assert part.count('class="view"') == 1 and part.count("</script") == 2
    with pytest.raises(LabError, match="nothing here can be live: unigram"):
        playground.section({"unigram": unigram})
