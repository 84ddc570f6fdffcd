"""hf:OWNER/NAME[@REVISION]: what is a name, and what is not."""

from __future__ import annotations

import pytest

from kinetoken import InputError
from kinetoken.hub.bundle_name import BundleName, is_bundle_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("hf:some/walker", BundleName("some", "walker")),
        ("some/walker", BundleName("some", "walker")),
        ("hf:Some_1/Qwen2.5-1.5B@v1.0", BundleName("Some_1", "Qwen2.5-1.5B", "v1.0")),
        ("hf:a/b@refs/pr/1", BundleName("a", "b", "refs/pr/1")),
    ],
)
def test_a_name_is_read(text: str, name: BundleName) -> None:
    assert BundleName.parse(text) == name
    assert BundleName.parse(str(name)) == name
    assert name.wanted == (name.revision or "main")


@pytest.mark.parametrize(
    "text",
    [
        "", "hf:", "hf:a", "hf:a/", "hf:/b", "hf:a/b/c", "hf:a/b@", "hf:../b", "hf:a/..", "hf:a/b@../c", "hf:.a/b",
        "hf:a/b c", "hf:a/b@x y", "hf:a/b@/x", "hf:a\\b", "hf:a/b\n", "hf:a/b@x@y", "https://huggingface.co/a/b",
        "hf:a/" + "b" * 200, "hf:ä/b",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected OWNER/NAME or OWNER/NAME@REVISION, got"):
        BundleName.parse(text)


def test_a_folder_is_no_name() -> None:
    assert is_bundle_name("hf:a/b")
    assert not is_bundle_name("a/b")
    assert not is_bundle_name("./hf:a/b")
