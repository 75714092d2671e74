"""`qe gateway` as a person runs it: it lets programs in, says what passes, and ends when it is told to."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from cli.simulated import qe, simulated, start_qe
from engine.cli import gateway_command

PATIENCE_S = 30.0


def test_it_runs_beside_tws_says_so_and_ends_when_told(tmp_path: Path) -> None:
    with simulated("calm", tmp_path) as world:
        world.config()
        running = start_qe("gateway", "run", home=tmp_path)
        try:
            give_up_at = time.monotonic() + PATIENCE_S
            while time.monotonic() < give_up_at:
                shown = qe("gateway", "status", home=tmp_path)
                if shown.stdout.count(", ready") == 2 and "no guard" in shown.stdout:
                    break
            assert shown.stdout.count(", ready") == 2, shown.stdout + shown.stderr
            assert (
                shown.returncode == 1
                and "orders that add risk are refused; start one with qe guard run" in shown.stdout
            )
            assert shown.stdout.count("no guard") == 1  # once for all logins, and not at each of them again
            second = qe("gateway", "run", home=tmp_path)
            assert second.returncode == 2 and "cannot listen" in second.stderr
        finally:
            running.send_signal(signal.SIGTERM)
            said, _ = running.communicate(timeout=PATIENCE_S)
        assert running.returncode == 0
        assert b"paper: connect programs to 127.0.0.1:" in said and b"as it was told to" in said


def test_beyond_this_machine_it_does_not_run_without_tls_and_a_secret(tmp_path: Path) -> None:
    config = tmp_path / "quant-engine.toml"
    config.write_text('[gateway]\nlisten = "0.0.0.0"\n', encoding="utf-8")
    shown = qe("gateway", "run", "--config", str(config), home=tmp_path)
    assert shown.returncode == 1 and "tls_certificate, tls_key, secret" in shown.stderr
    assert "No gateway runs" in shown.stderr


def test_it_says_at_its_start_when_everybody_can_read_its_key(tmp_path: Path) -> None:
    place, key = Path(__file__).parents[1] / "gateway", tmp_path / "key.pem"
    key.write_bytes((place / "fence_key.pem").read_bytes())
    key.chmod(0o644)
    with simulated("calm", tmp_path) as world:
        files = f'tls_certificate = "{place / "fence_certificate.pem"}"\ntls_key = "{key}"\n'
        world.config(f'\n[gateway]\n{files}secret = "0123456789abcdef"\n')
        running = start_qe("gateway", "run", home=tmp_path)
        try:
            give_up_at = time.monotonic() + PATIENCE_S
            while time.monotonic() < give_up_at and "ready" not in qe("gateway", "status", home=tmp_path).stdout:
                pass
        finally:
            running.send_signal(signal.SIGTERM)
            said, _ = running.communicate(timeout=PATIENCE_S)
    assert f"every user of this machine can read the TLS key: chmod 600 {key}".encode() in said


def test_a_tunnel_needs_an_address_a_certificate_and_the_secret(tmp_path: Path) -> None:
    certificate = Path(__file__).parents[1] / "gateway" / "fence_certificate.pem"
    for words, why in (
        (("nowhere", "--certificate", str(certificate)), "no HOST:PORT"),
        (("there:7597", "--certificate", str(tmp_path / "none.pem")), "no certificate"),
        (("there:7597", "--certificate", str(certificate)), "QE_GATEWAY__SECRET"),
    ):
        shown = qe("gateway", "connect", *words, home=tmp_path)
        assert shown.returncode in (1, 2) and why in shown.stderr


def test_how_long_it_has_run_is_told_in_seconds_minutes_and_hours() -> None:
    assert [gateway_command._lasted(one) for one in (0, 89, 90, 5_399, 5_400)] == [
        "0 s",
        "89 s",
        "1 min",
        "89 min",
        "1.5 h",
    ]


def test_without_a_gateway_the_status_says_how_to_start_one(tmp_path: Path) -> None:
    shown = qe("gateway", "status", home=tmp_path)
    assert shown.returncode == 2 and "qe gateway run" in shown.stderr
