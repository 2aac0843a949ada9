"""Prompts of a block: what is typed, and what is shown."""

from pathlib import Path

from tests.docs.blocks import Step, blocks_of, steps_of
from tests.docs.sameness import MORE

TEXT = """
```console terminal=app until="it runs"
$ make up
…
it runs
^C
```

   ```bash long
   make \\
     demo
   ```

```console one
$ make demo
$ tally train
done
```
"""


def test_blocks_are_read_with_their_words_and_steps(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(TEXT)
    first, second, third = blocks_of(document)
    assert (first.line, first.language, first.words) == (2, "console", {"terminal": "app", "until": "it runs"})
    assert steps_of(first) == [Step("make up", [MORE, "it runs"]), Step("^C", [])]
    assert (second.words, steps_of(second)) == ({"long": ""}, [Step("make    demo", [MORE])])
    assert steps_of(third) == [Step("make demo", ["$ tally train", "done"])]
