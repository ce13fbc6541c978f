"""The texts on which real tokenizers are compared with their own libraries: languages, and what trips."""

LANGUAGES = {
    "English": "Don't panic: it's the 21st century, isn't it? WE'LL see\u2014they'd've.",
    "Turkish": "İstanbul'da ığdır ağacı, şöyle böyle ÇOĞUNLUKLA güzeldi; 1453'te.",
    "German": "Die Straßenbahngesellschaft übergab Größe und Äpfel – „schön“!",
    "French": "L’été, c’est l’œuvre d’un garçon naïf… « où ça ? »",
    "Spanish": "¿Cuándo llegó el pingüino? ¡Mañana!",
    "Portuguese": "A ação não é irmã da canção, àquela hora.",
    "Polish": "Zażółć gęślą jaźń, proszę.",
    "Finnish": "Epäjärjestelmällistyttämättömyydellänsäkään hyvää päivää.",
    "Hungarian": "Árvíztűrő tükörfúrógép.",
    "Vietnamese": "Tiếng Việt có nhiều dấu: ngữ nghĩa, đường phố.",
    "Russian": "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "Greek": "Ξεσκεπάζω τὴν ψυχοφθόρα βδελυγμία. ΟΔΥΣΣΕΥΣ",
    "Hebrew": "שָׁלוֹם עוֹלָם, מה שלומך?",
    "Arabic": "السَّلامُ عليكم ورحمة الله، كيف الحال؟ ١٢٣",
    "Persian": "می‌خواهم کتاب‌ها را بخوانم. ۴۵۶",
    "Hindi": "नमस्ते दुनिया, क्षत्रिय कृपया १२३।",
    "Tamil": "வணக்கம் உலகம், க்ஷ ஸ்ரீ",
    "Thai": "สวัสดีชาวโลก กำลังทำงานน้ำ",
    "Chinese": "你好，世界！我们在2024年学习。𠮷野家",
    "Japanese": "こんにちは世界。カタカナﾊﾝｶｸ、がぎ か\u3099",
    "Korean": "안녕하세요 세계! 각각 \u1112\u1161\u11ab",
    "Georgian": "გამარჯობა მსოფლიო ᲒᲐᲛᲐᲠᲯᲝᲑᲐ",
    "Amharic": "ሰላም ልዑል ፩፪፫",
    "Swahili": "Habari za dunia, ng'ombe wangu.",
}
KINDS = {
    "empty": "",
    "one space": " ",
    "spaces": "a  b   c    d" + " " * 5 + "e" + " " * 17 + "f" + " " * 90,
    "tabs and line ends": "\t\ta\r\n\r\n \n\n\n\tb \r c\x0b\x0c\n ",
    "code": "def f(x):\n    if x:\n        return [x[i]**2 for i in range(10)]  # note\n\n\n\treturn None;\n",
    "emoji": "🙂👩‍👩‍👧‍👦🏳️‍🌈👍🏽 1️⃣ ☃️\ufe0f",
    "NUL and controls": "a\x00b\x01\x7f\x80\x85\x9f c",
    "byte order mark": "\ufefftext\ufeff",
    "white space": "a\u00a0b\u1680c\u2003d\u2028e\u2029f\u202fg\u205fh\u3000i\u200bj\x1ck",
    "combining": "e\u0301 a\u0327\u0301 \u0301 q\u0323\u0307 Å \u212b ﬁ ½ ² Ⅷ ㎏",
    "special tokens": "<|endoftext|> <s></s> <pad> <EOT> <|im_end|> <|fim_prefix|> [INST] <unk> [SEP] <0x41>",
    "more special tokens": "\n\nHuman: <META_START> <｜end▁of▁sentence｜> <｜User｜>hi<|begin_of_text|><bos>",
    "meta": "▁ ▁▁a ▁▁▁ ▅ Ġthe Ċ ##ing @@",
    "numbers": "1 12 123 1234 12345678901234567890 3.14159 1,000,000 ٣٤٥ ४५ ⅐ 0x1F",
    "case": "camelCaseWord HTTPServer iPhone ǅungla ÀÉÎ Σίσυφος ſ'ſ 'S 'LL 'rE",
    "punctuation": "...!!??;;--==//\\\\~~```'''\"\"\"(){}[]<>@#$%^&*_+|",
    "link": "https://example.org/a/b?c=d&e=%20#f user+tag@mail.example",
    "markdown": "# A\n## B\n### C ###\n- [x] *d* | e | `f`\n\n> g\n",
    "long word": "a" * 300 + "ab" * 200 + "日" * 100,
    "one letter": "x",
    "private use": "\ue000\uf8ff\U000f0000\U0010ffff\ufdd0\ufffe\uffff\ufffd",
    "right to left": "\u200fabc\u202eדג\u2066x\u2069",
    "DNA": "ACGTTGCAACGT" * 30,
    "math": "∑ᵢ xᵢ² ≤ ∫₀^∞ e^{-x} dx ⟹ 𝔸𝕓𝒞 ∀ε>0",
}
TEXTS = {**LANGUAGES, **KINDS}


def every_character(size: int = 4096):
    """All code points that UTF-8 can hold, in texts of ``size``, each between letters and spaces."""
    points = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    for at in range(0, len(points), size):
        some = points[at : at + size]
        yield "".join(some) + "".join(f"a{c} {c}b" for c in some)
