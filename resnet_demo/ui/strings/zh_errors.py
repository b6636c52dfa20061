"""What the core says in English, in Chinese: errors and their parts, what is told while one waits, names of things.

TEMPLATES: English template -> Chinese template with the same holes, each used once, in any order.

- A key is the English text as it stands in the source. Holes of an error's class template have its fields' names
  (format left out or not, it does not matter: `{lr:g}` is written `{lr:g}` in the key, `{lr}` in the translation).
  An f-string's holes are numbered from 1: f"it is larger than {n} MB" is the key "it is larger than {1} MB".
- What fills a hole is translated by the same table, so pieces are keys of their own ("it is damaged" fills the
  `{why}` of "{picture} cannot be used: {why}."). A piece ends without a full stop if its key does.
- Names that are the same in every language (options, file names, models, classes in files) are not translated.

`python -m pytest tests/test_languages.py -k errors` lists the keys that lack here, and those nobody says any more,
each as a line ready to be pasted.

NAMES: a class or a data set's title as the page shows it, where Chinese readers have another word for it. Files,
JSON and the command line keep the English one. What is not here is shown as it is.
"""

from __future__ import annotations

TEMPLATES: dict[str, str] = {}

NAMES: dict[str, str] = {}
