from hypothesis import given, settings, HealthCheck
import os
from core.kill.cases import models
from core.kill.model import Model


@settings(max_examples=int(os.environ.get("N", "500")), deadline=None, suppress_health_check=list(HealthCheck))
@given(models())
def test_x(model: Model) -> None:
    model.run()
    assert not model.violations, model.violations[:3]
