from hilum.domain.text import first_few, repeated, text


def test_text_is_held_as_it_was_given() -> None:
    words = ["", "a", "肋膜積液", "x" * 100]
    assert text(words).tolist() == words
    assert text(text(words)).tolist() == words


def test_what_stands_twice_is_named_once() -> None:
    assert repeated(["a", "b", "a", "a", "c", "b"]) == ["a", "b"]
    assert repeated(text(["a", "b"])) == []


def test_many_are_counted_after_the_first_five() -> None:
    assert first_few(["a"]) == "'a'"
    assert first_few(range(7), quoted=False) == "0, 1, 2, 3, 4 and 2 more"
