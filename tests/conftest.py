"""What all tests share: services that start once per run, and a time budget per room."""

pytest_plugins = [
    "tests.fixtures.postgres",
    "tests.fixtures.catalog",
    "tests.fixtures.disk",
    "tests.fixtures.seaweed",
    "tests.fixtures.key_services",
    "tests.fixtures.locks",
    "tests.fixtures.run",
    "tests.fixtures.soak",
    "tests.fixtures.budget",
]
