"""The doctor on the gateway's TLS files: found before its next start, and a key that everybody can read."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.config.gateway_table import GatewayTable
from engine.config.model import default_config
from engine.desk import doctor_tls
from engine.desk.findings import Finding, Grade

GATEWAY = Path(__file__).parents[1] / "gateway"
CERTIFICATE, KEY = GATEWAY / "fence_certificate.pem", GATEWAY / "fence_key.pem"


def examined(certificate: str, key: str) -> list[Finding]:
    table = GatewayTable(tls_certificate=certificate, tls_key=key)
    return list(doctor_tls.gateway(msgspec.structs.replace(default_config(), gateway=table)))


def test_without_tls_or_a_configuration_there_is_nothing_to_look_for() -> None:
    assert examined("", "") == [] and list(doctor_tls.gateway(None)) == []


def test_a_certificate_that_cannot_be_used_is_found_before_the_next_start() -> None:
    (one,) = examined("/none.pem", "")
    assert one.grade is Grade.WARNING and "there is no such file: /none.pem" in one.what
    assert one.mend == "put gateway.tls_certificate and gateway.tls_key right"


def test_a_key_that_every_user_can_read_is_told_with_what_mends_it(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(KEY.read_bytes())
    key.chmod(0o644)
    (one,) = examined(str(CERTIFICATE), str(key))
    assert (one.about, one.mend) == ("gateway", f"chmod 600 {key}")
    key.chmod(0o600)
    assert examined(str(CERTIFICATE), str(key)) == []
