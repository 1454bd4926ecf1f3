"""How properties are run here: the same examples each time, nothing kept between runs, no clock."""

from hypothesis import HealthCheck, settings

STEADY = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
