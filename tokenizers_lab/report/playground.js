// Byte-level BPE in plain JavaScript: the lab's own encoder (pretokenize/kernels.py, codecs/bpe_kernel.py) once
// more, so that a report tokenises what a person types. Ids equal the codec's on any bytes; a test says so in a
// browser. No network, nothing kept.
"use strict";
const tokenizersLab = (() => {
  const OTHER = 0, LETTER = 1, NUMBER = 2, SPACE = 3; // as pretokenize/classes.py
  const UPPER = 1, LOWER = 2; // bits of the letters and marks that o200k tells apart
  let classes = null, cases = null;

  // "L 41-5a 61-7a" a line → one byte a code point.
  function readTable(text, values) {
    const table = new Uint8Array(0x110000);
    for (const line of text.split("\n")) {
      if (!line || line[0] === "#") continue;
      const [name, ...ranges] = line.split(" ");
      if (!(name in values)) continue;
      for (const range of ranges) {
        const [first, last] = range.split("-");
        table.fill(values[name], parseInt(first, 16), parseInt(last || first, 16) + 1);
      }
    }
    return table;
  }

  // The code point at i and its bytes; a byte that begins no valid UTF-8 character is [-1, 1].
  function pointAt(data, i, n) {
    const b = data[i];
    if (b < 0x80) return [b, 1];
    const more = (k) => i + k < n && (data[i + k] & 0xc0) === 0x80;
    if (b >= 0xc2 && b < 0xe0) {
      if (more(1)) return [((b & 0x1f) << 6) | (data[i + 1] & 0x3f), 2];
    } else if (b >= 0xe0 && b < 0xf0) {
      if (more(1) && more(2)) {
        const c = ((b & 0x0f) << 12) | ((data[i + 1] & 0x3f) << 6) | (data[i + 2] & 0x3f);
        if (c >= 0x800 && !(c >= 0xd800 && c < 0xe000)) return [c, 3];
      }
    } else if (b >= 0xf0 && b < 0xf5) {
      if (more(1) && more(2) && more(3)) {
        const c = ((b & 0x07) << 18) | ((data[i + 1] & 0x3f) << 12) | ((data[i + 2] & 0x3f) << 6) | (data[i + 3] & 0x3f);
        if (c >= 0x10000 && c < 0x110000) return [c, 4];
      }
    }
    return [-1, 1];
  }
  function charAt(data, i, n) {
    const [c, k] = pointAt(data, i, n);
    return [c < 0 ? OTHER : classes[c], k];
  }
  function run(data, i, n, wanted) {
    while (i < n) {
      const [c, k] = charAt(data, i, n);
      if (c !== wanted) break;
      i += k;
    }
    return i;
  }
  // \s+(?!\S)|\s+
  function spaces(data, i, n) {
    let last = i, end = i;
    while (end < n) {
      const [c, k] = charAt(data, end, n);
      if (c !== SPACE) break;
      last = end;
      end += k;
    }
    return end < n && last > i ? last : end;
  }
  const isBreak = (b) => b === 10 || b === 13;
  // \s*[\r\n]+, else as spaces
  function breaks(data, i, n) {
    let end = i, after = -1;
    while (end < n) {
      const [c, k] = charAt(data, end, n);
      if (c !== SPACE) break;
      if (isBreak(data[end])) after = end;
      end += k;
    }
    return after >= 0 ? after + 1 : spaces(data, i, n);
  }
  function contraction(data, i, n, fold) {
    if (data[i] !== 39 || i + 1 >= n) return 0;
    const low = (b) => (fold && b >= 65 && b <= 90 ? b + 32 : b);
    const a = low(data[i + 1]);
    if (a === 115 || a === 116 || a === 109 || a === 100) return 2;
    if (fold && a === 0xc5 && i + 2 < n && data[i + 2] === 0xbf) return 3; // long s folds to s
    if (i + 2 < n) {
      const b = low(data[i + 2]);
      if (((a === 114 || a === 118) && b === 101) || (a === 108 && b === 108)) return 3;
    }
    return 0;
  }
  function numbers(data, i, n, most) {
    let end = i;
    for (let q = 0; q < most && end < n; q++) {
      const [c, k] = charAt(data, end, n);
      if (c !== NUMBER) break;
      end += k;
    }
    return end;
  }
  // What a run of signs may end with: line ends, for o200k also slashes.
  function signs(data, i, n, slash) {
    let end = run(data, i, n, OTHER);
    while (end < n && (isBreak(data[end]) || (slash && data[end] === 47))) end++;
    return end;
  }
  function gpt2(data, i, n) {
    const short = contraction(data, i, n, false);
    if (short) return i + short;
    if (data[i] === 32 && i + 1 < n) {
      const next = charAt(data, i + 1, n)[0];
      if (next !== SPACE) return run(data, i + 1, n, next);
    }
    const c = charAt(data, i, n)[0];
    return c === SPACE ? spaces(data, i, n) : run(data, i, n, c);
  }
  function gpt4(data, i, n, digits) {
    const short = contraction(data, i, n, true);
    if (short) return i + short;
    const [c, k] = charAt(data, i, n);
    if (c === LETTER) return run(data, i, n, LETTER);
    const next = i + k < n ? charAt(data, i + k, n)[0] : 255;
    if (c !== NUMBER && !isBreak(data[i]) && next === LETTER) return run(data, i + k, n, LETTER);
    if (c === NUMBER) return numbers(data, i, n, digits);
    if (c === OTHER) return signs(data, i, n, false);
    if (data[i] === 32 && next === OTHER) return signs(data, i + 1, n, false);
    return breaks(data, i, n);
  }
  function caseAt(data, i, n) {
    const [c, k] = pointAt(data, i, n);
    return [c < 0 ? 0 : cases[c], k];
  }
  // UPPER*LOWER+ at i: its end, or -1. The classes overlap; the longest UPPER* that leaves a LOWER wins.
  function upperLower(data, i, n) {
    let at = i, both = -1;
    while (at < n) {
      const [c, k] = caseAt(data, at, n);
      if (!(c & UPPER)) break;
      at += k;
      if (c & LOWER) both = at;
    }
    const end = lowers(data, at, n);
    return end > at ? end : both;
  }
  function lowers(data, i, n) {
    while (i < n) {
      const [c, k] = caseAt(data, i, n);
      if (!(c & LOWER)) break;
      i += k;
    }
    return i;
  }
  function uppers(data, i, n) {
    while (i < n) {
      const [c, k] = caseAt(data, i, n);
      if (!(c & UPPER)) break;
      i += k;
    }
    return i;
  }
  function o200k(data, i, n) {
    const [c, k] = charAt(data, i, n);
    const starts = c !== LETTER && c !== NUMBER && !isBreak(data[i]) ? [i + k, i] : [i];
    for (const start of starts) {
      const end = start < n ? upperLower(data, start, n) : -1;
      if (end >= 0) return end + (end < n ? contraction(data, end, n, true) : 0);
    }
    for (const start of starts) {
      const middle = uppers(data, start, n);
      if (middle > start) {
        const end = lowers(data, middle, n);
        return end + (end < n ? contraction(data, end, n, true) : 0);
      }
    }
    if (c === NUMBER) return numbers(data, i, n, 3);
    if (c === OTHER) return signs(data, i, n, true);
    if (data[i] === 32 && i + 1 < n && charAt(data, i + 1, n)[0] === OTHER) return signs(data, i + 1, n, true);
    return breaks(data, i, n);
  }
  // a line: through the last line end of white space, and what follows of it but its last character
  function lines(data, i, n) {
    while (i < n && !isBreak(data[i])) i++;
    let end = i, last = i;
    while (i < n) {
      const [c, k] = charAt(data, i, n);
      if (c !== SPACE) return Math.max(end, last);
      last = i;
      i += k;
      if (isBreak(data[last])) end = i;
    }
    return n;
  }
  const SPLITTERS = {
    none: (data, i, n) => n,
    gpt2,
    gpt4: (data, i, n) => gpt4(data, i, n, 3),
    qwen2: (data, i, n) => gpt4(data, i, n, 1),
    o200k,
    lines,
  };

  async function inflate(text) {
    const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }
  const KEY = 1 << 24; // ids are below it
  const latin = (data, i, end) => {
    let out = "";
    for (; i < end; i++) out += String.fromCharCode(data[i]);
    return out;
  };

  class Bpe {
    // packed: {name, pre, whole, vocab, arena, lengths, merges, hidden}, the last but vocab as inflate() takes them.
    static async read(packed) {
      const self = new Bpe();
      self.name = packed.name;
      self.split = SPLITTERS[packed.pre];
      self.vocab = packed.vocab;
      const arena = await inflate(packed.arena);
      const lengths = new Uint16Array((await inflate(packed.lengths)).buffer);
      const merges = new Int32Array((await inflate(packed.merges)).buffer);
      const hidden = new Set(packed.hidden);
      self.bytes = new Int32Array(256).fill(-1);
      self.words = packed.whole ? new Map() : null;
      self.pairs = new Map();
      for (let i = 0, at = 0; i < lengths.length; i++) {
        const size = lengths[i];
        if (size === 1 && self.bytes[arena[at]] < 0 && !hidden.has(i)) self.bytes[arena[at]] = i;
        if (size && self.words && !hidden.has(i)) {
          const text = latin(arena, at, at + size);
          if (!self.words.has(text)) self.words.set(text, i);
        }
        at += size;
      }
      for (let i = 0; i < merges.length; i += 4) {
        self.pairs.set(merges[i] * KEY + merges[i + 1], [merges[i + 3], merges[i + 2]]);
      }
      return self;
    }
    // [id, end] of every token of a Uint8Array.
    encode(data) {
      const out = [], n = data.length;
      let i = 0;
      while (i < n) {
        const end = this.split(data, i, n);
        this.merge(data, i, end, out);
        i = end;
      }
      return out;
    }
    merge(data, start, end, out) {
      const m = end - start;
      if (m === 1) return void out.push([this.bytes[data[start]], end]);
      if (this.words) {
        const whole = this.words.get(latin(data, start, end));
        if (whole !== undefined) return void out.push([whole, end]);
      }
      const ids = [], after = [], before = [], heap = [];
      for (let k = 0; k < m; k++) {
        ids.push(this.bytes[data[start + k]]);
        after.push(k + 1 < m ? k + 1 : -1);
        before.push(k - 1);
      }
      const less = (a, b) => a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);
      const offer = (k) => {
        if (k < 0 || after[k] < 0) return;
        const found = this.pairs.get(ids[k] * KEY + ids[after[k]]);
        if (!found) return;
        heap.push([found[0], k]);
        let i = heap.length - 1;
        while (i) {
          const up = (i - 1) >> 1;
          if (!less(heap[i], heap[up])) break;
          [heap[i], heap[up]] = [heap[up], heap[i]];
          i = up;
        }
      };
      const take = () => {
        const top = heap[0], last = heap.pop();
        if (!heap.length) return top;
        heap[0] = last;
        for (let i = 0; ; ) {
          let c = 2 * i + 1;
          if (c >= heap.length) return top;
          if (c + 1 < heap.length && less(heap[c + 1], heap[c])) c++;
          if (!less(heap[c], heap[i])) return top;
          [heap[i], heap[c]] = [heap[c], heap[i]];
          i = c;
        }
      };
      for (let k = 0; k + 1 < m; k++) offer(k);
      while (heap.length) {
        const [rank, k] = take();
        if (ids[k] < 0 || after[k] < 0) continue;
        const j = after[k], found = this.pairs.get(ids[k] * KEY + ids[j]);
        if (!found || found[0] !== rank) continue; // the pair is another by now
        ids[k] = found[1];
        ids[j] = -1;
        after[k] = after[j];
        if (after[j] >= 0) before[after[j]] = k;
        offer(before[k]);
        offer(k);
      }
      for (let k = 0; k >= 0; k = after[k]) out.push([ids[k], start + (after[k] < 0 ? m : after[k])]);
    }
  }

  // A token's bytes for people, as report/token_view.py shows them.
  function visible(data, start, end) {
    let out = "";
    for (let i = start; i < end; ) {
      const [c, k] = pointAt(data, i, end);
      if (c < 0) out += "\\x" + data[i].toString(16).padStart(2, "0");
      else if (c === 10) out += "↵";
      else if (c === 9) out += "→";
      else if (c === 13) out += "␍";
      else if (c < 32 || (c >= 127 && c < 160)) out += "\\u" + c.toString(16).padStart(4, "0");
      else out += String.fromCodePoint(c);
      i += k;
    }
    return out;
  }
  function draw(codec, data, card) {
    const tokens = codec.encode(data), shown = tokens.slice(0, 5000);
    const box = document.createElement("div");
    box.className = "tokens";
    let at = 0;
    shown.forEach(([id, end], i) => {
      const span = document.createElement("span");
      span.className = "t" + (i % 5);
      span.title = id;
      visible(data, at, end).split("↵").forEach((part, q) => {
        if (q) span.append("↵", document.createElement("br"));
        span.append(part);
      });
      box.append(span);
      at = end;
    });
    if (tokens.length > shown.length) box.append(" …");
    const ids = document.createElement("details");
    const head = document.createElement("summary");
    head.textContent = "ids";
    const list = document.createElement("code");
    list.textContent = shown.map(([id]) => id).join(" ");
    ids.append(head, list);
    ids.open = !!card.querySelector("details[open]");
    const each = tokens.length ? (data.length / tokens.length).toFixed(2) : "–";
    card.querySelector("b span").textContent = `${tokens.length} tokens, ${each} bytes a token`;
    card.querySelectorAll(".tokens, details").forEach((e) => e.remove());
    card.append(box, ids);
  }

  async function start(packed, table) {
    classes = readTable(table, { L: LETTER, N: NUMBER, S: SPACE });
    cases = readTable(table, { U: UPPER, W: LOWER, B: UPPER | LOWER });
    const codecs = [];
    for (const one of packed) codecs.push(await Bpe.read(one));
    return codecs;
  }
  return { start, draw, visible };
})();
if (typeof module !== "undefined") module.exports = tokenizersLab;
