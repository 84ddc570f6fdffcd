"""The report of verify in a bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinetoken.base.errors import OutputError
from kinetoken_export.verify.record import record_in_bundle


@pytest.mark.parametrize("name", ["parity.json", "bundle.json"])
def test_a_report_is_not_written_where_a_link_leads(tmp_path: Path, name: str) -> None:
    bundle, precious = tmp_path / "bundle", tmp_path / "precious"
    bundle.mkdir()
    precious.write_text("precious")
    (bundle / name).symlink_to(precious)
    with pytest.raises(OutputError, match="expected a file of the bundle, got a link"):
        record_in_bundle(bundle, {"parity.json": b"new"})
    assert precious.read_text() == "precious"
